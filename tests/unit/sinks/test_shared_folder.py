import fcntl
import os
from pathlib import Path

from voicehub.sinks.shared_folder import files, is_held


def test_the_oldest_come_first(tmp_path):
    for age_s, name in enumerate(["new", "older", "oldest"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "it").write_bytes(b"x" * age_s)
        os.utime(tmp_path / name / "it", (1_000 - age_s, 1_000 - age_s))
    (tmp_path / "new" / "something else").touch()
    found = [(path.parent.name, stat.st_size) for path, stat in files(tmp_path, "*/it")]
    assert found == [("oldest", 2), ("older", 1), ("new", 0)]


def test_what_is_removed_meanwhile_is_not_found(tmp_path, monkeypatch):
    look = Path.stat

    def removed_first(path, **options):
        if path.name == "gone":
            path.unlink()
        return look(path, **options)

    for name in ("gone", "here"):
        (tmp_path / name).touch()
    monkeypatch.setattr(Path, "stat", removed_first)
    assert [path.name for path, _ in files(tmp_path, "*")] == ["here"]


def test_a_lock_is_held_while_its_owner_lives(tmp_path):
    lock = tmp_path / "lock"
    assert not is_held(lock)
    with lock.open("w") as owned:
        assert not is_held(lock)
        fcntl.flock(owned, fcntl.LOCK_EX)
        assert is_held(lock)
    assert not is_held(lock)
