"""The account that Postgres runs under: it refuses root, so root hands it to `nobody`."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED_NAME = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """The account to run Postgres under, or None when ours will do."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED_NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def can_enter(folder: Path, account: Account | None) -> bool:
    """Whether `account` may pass through `folder` and every folder above it."""
    if account is None:
        return True
    resolved = folder.resolve()
    return all(_allows(path, account, stat.S_IXOTH) for path in (resolved, *resolved.parents))


def can_execute(program: Path, account: Account | None) -> bool:
    if account is None:
        return True
    resolved = program.resolve()
    wanted = stat.S_IROTH | stat.S_IXOTH
    return can_enter(resolved.parent, account) and _allows(resolved, account, wanted)


def _allows(path: Path, account: Account, wanted: int) -> bool:
    """Whether the permission bits, given as those of `other`, hold for the account."""
    found = path.stat()
    if found.st_uid == account.uid:
        wanted <<= 6
    elif found.st_gid == account.gid:
        wanted <<= 3
    return found.st_mode & wanted == wanted


def give(path: Path, account: Account | None) -> None:
    """Make `account` the owner of `path`; nothing to do when it is ours."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
