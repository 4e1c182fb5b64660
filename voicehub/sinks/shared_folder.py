"""Looks into a folder that other processes of this host write to and remove from meanwhile."""

import fcntl
import glob
import os
from contextlib import suppress
from pathlib import Path


def files(folder: Path, pattern: str) -> list[tuple[Path, os.stat_result]]:
    """What fits the pattern and is still there, oldest first."""
    found = []
    # Path.glob fails where a folder vanishes under it.
    for name in glob.glob(pattern, root_dir=folder):  # noqa: PTH207  # see above
        with suppress(FileNotFoundError):  # removed after the pattern has found it
            found.append((folder / name, (folder / name).stat()))
    return sorted(found, key=lambda each: each[1].st_mtime)


def is_held(lock: Path) -> bool:
    """Whether a living process has locked the file."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
