import pytest

from voicehub.errors import StorageError
from voicehub.sinks.manifest import Manifest
from voicehub.sinks.parts import (
    PART_BYTES_MIN,
    CreateUpload,
    Cut,
    Cutter,
    PutPart,
    PutWhole,
    SweepTails,
    Tail,
)
from voicehub.sinks.spool import SEGMENT_BYTES, Spool
from voicehub.sinks.uploader import RecordingLostError, Uploader
from voicehub.storage import spaces as spaces_module
from voicehub.storage.spaces import Spaces

STEM = "recordings/team-7/session-42-3"


@pytest.fixture
async def file(spool: Spool):
    file = spool.create("one")
    yield file
    file.close()


@pytest.fixture
def cutter() -> Cutter:
    return Cutter()


@pytest.fixture
def uploader(spaces: Spaces, spool: Spool, file, cutter: Cutter) -> Uploader:
    manifest = Manifest(STEM, "flac", Cut(None, ()))
    return Uploader(spaces=spaces, spool=spool, file=file, cutter=cutter, manifest=manifest)


def _grow(file, cutter: Cutter, size: int) -> None:
    for _ in range(0, size, SEGMENT_BYTES):
        file.append(bytes(min(SEGMENT_BYTES, size)))
    cutter.grow(file.size)


async def test_tails_sort_by_where_their_bytes_lie(spaces, uploader, file, cutter) -> None:
    for content in (b"0123456789", b"abc"):
        file.append(content)
        cutter.grow(file.size)
        await uploader.store_tail(cutter.next_tail())
    tails = await spaces.list_objects(uploader.tail_prefix)
    assert [entry.key for entry in tails] == [uploader.tail_key(0), uploader.tail_key(10)]
    assert b"".join([await spaces.get(entry.key) for entry in tails]) == b"0123456789abc"
    await uploader.take(SweepTails())
    assert await spaces.list_objects("") == []
    assert cutter.is_finished


async def test_a_tail_in_memory_is_stored_without_reading_it_again(
    spaces, uploader, file, cutter
) -> None:
    file.append(b"0123456789")
    cutter.grow(4)
    await uploader.store_tail(cutter.next_tail(), (0, b"abcd"))
    for end, fresh in ((7, (3, b"xyz")), (10, (7, b"xy"))):  # not of that place, not that long
        cutter.grow(end)
        await uploader.store_tail(cutter.next_tail(), fresh)
    tails = await spaces.list_objects(uploader.tail_prefix)
    assert b"".join([await spaces.get(entry.key) for entry in tails]) == b"abcd456789"


async def test_a_tail_that_fails_is_asked_for_again(
    spaces, uploader, file, cutter, monkeypatch
) -> None:
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    monkeypatch.setattr(spaces._putter, "_path", "/absent-bucket")
    _grow(file, cutter, 10)
    with pytest.raises(StorageError):
        await uploader.store_tail(cutter.next_tail())
    assert cutter.next_tail() == Tail(0, 10)
    assert cutter.saved == 0


async def test_a_part_is_noted_before_its_bytes_are_let_go(
    spaces, spool, uploader, file, cutter
) -> None:
    await uploader.take(CreateUpload())
    for number in (1, 2):
        _grow(file, cutter, PART_BYTES_MIN + SEGMENT_BYTES)
        step = cutter.next_step()
        assert isinstance(step, PutPart)
        await uploader.take(step)
        noted = Manifest.from_json(file.load_manifest()).cut
        assert [part.number for part in noted.parts] == list(range(1, number + 1))
    stored = await spaces.list_parts(uploader.key, noted.upload_id)
    assert [part.etag for part in stored] == [part.etag for part in noted.parts]
    assert not file.holds_all()
    assert spool.bytes_used < 2 * PART_BYTES_MIN


async def test_an_upload_dropped_after_bytes_were_let_go_is_lost(
    spaces, uploader, file, cutter
) -> None:
    await uploader.take(CreateUpload())
    for _ in range(2):
        _grow(file, cutter, PART_BYTES_MIN + SEGMENT_BYTES)
        await uploader.take(cutter.next_step())
    await spaces.abort_upload(uploader.key, cutter.cut.upload_id)
    _grow(file, cutter, PART_BYTES_MIN)
    with pytest.raises(RecordingLostError):
        await uploader.take(cutter.next_step())


async def test_the_finished_object_is_recognised_by_its_size(
    spaces, uploader, file, cutter
) -> None:
    _grow(file, cutter, 10)
    cutter.end()
    await uploader.look_for_object()
    assert cutter.next_step() == PutWhole(10)
    await spaces.put(uploader.key, bytes(9), "audio/flac")
    await uploader.look_for_object()
    assert cutter.next_step() == PutWhole(10)
    await spaces.put(uploader.key, bytes(10), "audio/flac")
    await uploader.look_for_object()
    assert cutter.next_step() == SweepTails()
