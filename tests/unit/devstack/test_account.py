"""voicehub/devstack/account.py"""

from pathlib import Path

import pytest

from voicehub.devstack.account import Account, can_enter, can_execute

STRANGER = Account(uid=4_000_000, gid=4_000_000)


@pytest.fixture
def closable_folder(tmp_path: Path) -> Path:
    for path in (tmp_path, *list(tmp_path.parents)[:3]):
        path.chmod(0o755)
    return tmp_path


def test_our_own_account_reaches_everything(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert can_enter(tmp_path, None)
    assert can_execute(tmp_path / "any", None)


@pytest.mark.parametrize(
    ("mode", "enters"), [(0o755, True), (0o711, True), (0o750, False), (0o700, False)]
)
def test_a_stranger_needs_the_execute_bit_of_a_folder(
    closable_folder: Path, mode: int, *, enters: bool
) -> None:
    closable_folder.chmod(mode)
    assert can_enter(closable_folder, STRANGER) == enters


def test_one_closed_parent_closes_all_below(closable_folder: Path) -> None:
    below = closable_folder / "a" / "b"
    below.mkdir(parents=True)
    assert can_enter(below, STRANGER)
    below.parent.chmod(0o700)
    assert not can_enter(below, STRANGER)


def test_the_owner_and_the_group_have_bits_of_their_own(closable_folder: Path) -> None:
    found = closable_folder.stat()
    closable_folder.chmod(0o611)
    assert not can_enter(closable_folder, Account(found.st_uid, STRANGER.gid))
    closable_folder.chmod(0o701)
    assert not can_enter(closable_folder, Account(STRANGER.uid, found.st_gid))


@pytest.mark.parametrize(("mode", "runs"), [(0o755, True), (0o711, False), (0o744, False)])
def test_a_program_must_be_readable_and_executable(
    closable_folder: Path, mode: int, *, runs: bool
) -> None:
    program = closable_folder / "program"
    program.touch(mode=mode)
    program.chmod(mode)
    assert can_execute(program, STRANGER) == runs
