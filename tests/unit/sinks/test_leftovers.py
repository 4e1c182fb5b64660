import pytest

from voicehub.sinks.leftovers import DEBRIS_AGE_S, debris, folder_of, left_by_session, remove
from voicehub.sinks.spool import MANIFEST, Spool
from voicehub.sinks.summary import joined_stem, recording_stem


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path, bytes_max=1 << 20)


def begin(spool, key_stem, *, manifest=True):
    file = spool.create(folder_of(spool, key_stem).name)
    file.append(b"audio")
    if manifest:
        file.save_manifest(b"{}")
    return file


def test_what_dead_processes_left_is_found_by_session(spool):
    for stem in (recording_stem(7, 42, 1), joined_stem(7, 42, 99), recording_stem(7, 4, 1)):
        begin(spool, stem).close()
    living = begin(spool, recording_stem(7, 42, 2))
    begin(spool, "something else").close()
    left = left_by_session(spool)
    assert {session: len(folders) for session, folders in left.items()} == {42: 2, 4: 1}
    living.close()


def test_a_folder_without_a_manifest_is_debris_after_an_hour(spool):
    begin(spool, recording_stem(7, 42, 1)).close()
    begin(spool, recording_stem(7, 42, 2), manifest=False).close()
    folder = folder_of(spool, recording_stem(7, 42, 2))
    touched_s = folder.stat().st_mtime
    assert debris(spool) == []
    assert debris(spool, touched_s + DEBRIS_AGE_S - 1) == []
    assert debris(spool, touched_s + DEBRIS_AGE_S + 1) == [folder]


def test_a_removed_folder_gives_its_bytes_back(spool):
    begin(spool, recording_stem(7, 42, 1)).close()
    assert spool.bytes_used == 5
    assert remove(spool, folder_of(spool, recording_stem(7, 42, 1)))
    assert spool.bytes_used == 0
    assert list(spool.folder.iterdir()) == []


def test_a_folder_that_somebody_writes_is_not_removed(spool):
    living = begin(spool, recording_stem(7, 42, 1))
    assert not remove(spool, living.folder)
    assert (living.folder / MANIFEST).exists()
    living.close()
