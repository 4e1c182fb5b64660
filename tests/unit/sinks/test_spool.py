import asyncio
import errno
import io
import os
import threading
import time

import pytest

from voicehub.errors import StorageError
from voicehub.sinks.spool import SEGMENT_BYTES, Spool, SpoolFullError
from voicehub.tasks import spawn, stop


@pytest.fixture
async def spool(tmp_path):
    async with Spool(tmp_path / "spool", bytes_max=8 << 20) as spool:
        yield spool


@pytest.fixture
def file(spool):
    file = spool.create("one")
    yield file
    file.close()


def _chunk(seed: int, size: int) -> bytes:
    return bytes([seed]) * size


def test_what_was_appended_is_read_back_over_segments(file) -> None:
    chunks = [_chunk(seed, 700_000) for seed in range(5)]
    for chunk in chunks:
        file.append(chunk)
    whole = b"".join(chunks)
    assert file.size == len(whole)
    assert file.read(0, file.size) == whole
    assert file.read(1_399_990, 1_400_010) == whole[1_399_990:1_400_010]
    assert file.read(5, 5) == b""


def test_a_reader_seeks_over_segments_and_outlives_their_release(file) -> None:
    whole = b"".join(_chunk(seed, SEGMENT_BYTES) for seed in range(4))
    for start in range(0, len(whole), SEGMENT_BYTES):
        file.append(whole[start : start + SEGMENT_BYTES])
    with file.reader(5, len(whole) - 7) as reader:
        file.release(0, len(whole))
        assert reader.seek(0, io.SEEK_END) == reader.tell() == len(whole) - 12
        assert reader.read(1) == b""
        reader.seek(SEGMENT_BYTES - 7)
        assert reader.read(4) == b"\0\0"  # up to the segment's end
        reader.seek(0)
        assert reader.readall() == whole[5:-7]
    assert reader.closed


def test_a_patch_overwrites_in_place(file) -> None:
    file.append(_chunk(1, 100))
    file.patch(26, b"xyz")
    file.append(_chunk(2, 10))
    assert file.read(20, 32) == b"\1" * 6 + b"xyz" + b"\1" * 3
    assert file.size == 110


def test_released_segments_leave_the_disk_and_the_count(spool, file) -> None:
    for seed in range(4):
        file.append(_chunk(seed, SEGMENT_BYTES))
    file.append(b"end")
    assert file.holds_all()
    file.release(SEGMENT_BYTES, 3 * SEGMENT_BYTES)
    assert spool.bytes_used == 2 * SEGMENT_BYTES + 3
    assert not file.holds_all()
    assert file.read(0, 4) == bytes(4)
    assert file.read(3 * SEGMENT_BYTES, file.size).endswith(b"end")
    assert file.read_end(9) == bytes([3]) * 6 + b"end"
    assert len(file.read_end(2 * SEGMENT_BYTES)) == SEGMENT_BYTES + 3
    with pytest.raises(StorageError):
        file.read(SEGMENT_BYTES - 1, SEGMENT_BYTES + 1)


def test_the_limit_refuses_a_whole_append_and_keeps_what_is_there(spool, file) -> None:
    file.append(_chunk(1, 8 << 20))
    with pytest.raises(SpoolFullError):
        file.append(b"x")
    assert file.size == spool.bytes_used == 8 << 20


def test_a_full_disk_leaves_no_half_append(spool, file, monkeypatch) -> None:
    file.append(b"whole")
    write = os.pwrite

    def full(descriptor: int, content: bytes, offset: int) -> int:
        if offset > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:2], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(SpoolFullError):
        file.append(b"more")
    monkeypatch.undo()
    assert (file.size, spool.bytes_used) == (5, 5)
    file.append(b"again")
    assert file.read(0, 10) == b"wholeagain"


def test_another_failure_of_the_disk_is_a_storage_error(file, monkeypatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(StorageError, match="Input/output"):
        file.append(b"x")


async def test_a_recording_left_behind_is_found_and_adopted(tmp_path) -> None:
    async with Spool(tmp_path, bytes_max=8 << 20) as first:
        file = first.create("left")
        file.append(_chunk(1, SEGMENT_BYTES))
        file.append(b"tail")
        file.save_manifest(b"{}")
        assert first.leftovers() == []  # it is being written
        with pytest.raises(StorageError):
            first.adopt(tmp_path / "left")
        file.close()
    async with Spool(tmp_path, bytes_max=8 << 20) as second:
        assert second.bytes_used == SEGMENT_BYTES + 4
        (manifest,) = second.leftovers()
        adopted = second.adopt(manifest.parent)
        assert adopted.load_manifest() == b"{}"
        assert adopted.read(SEGMENT_BYTES, adopted.size) == b"tail"
        adopted.append(b"more")
        assert adopted.read(SEGMENT_BYTES, adopted.size) == b"tailmore"
        adopted.remove()
        adopted.remove()
        assert second.bytes_used == 0
        assert list(tmp_path.iterdir()) == []
        assert second.leftovers() == []


def test_a_torn_end_is_cut_off(spool, file) -> None:
    file.append(_chunk(1, SEGMENT_BYTES))
    file.append(b"whole and torn")
    file.truncate(SEGMENT_BYTES + 5)
    assert file.read(SEGMENT_BYTES, file.size) == b"whole"
    assert spool.bytes_used == SEGMENT_BYTES + 5
    file.truncate(3)
    assert (file.size, spool.bytes_used) == (3, 3)
    file.append(b"on")
    assert file.read(0, 5) == b"\1\1\1on"


def test_a_name_in_use_is_refused(spool, file) -> None:
    with pytest.raises(StorageError):
        spool.create("one")


def test_a_recording_without_a_manifest_says_so(file) -> None:
    with pytest.raises(StorageError):
        file.load_manifest()


async def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    spool = Spool(tmp_path / "file" / "spool", bytes_max=1)
    with pytest.raises(StorageError):
        await spool.open()
    await spool.close()


async def test_work_runs_in_the_order_it_was_given(spool) -> None:
    seen: list[int] = []
    await asyncio.gather(*(spool.run(lambda n=n: seen.append(n)) for n in range(20)))
    assert seen == list(range(20))


async def test_work_asked_for_together_goes_in_order_and_each_gets_its_own_answer(spool) -> None:
    def refuse() -> None:
        raise StorageError("no")

    ran: list[int] = []
    first, refused, last = await asyncio.gather(
        spool.run(lambda: ran.append(1) or "first"),
        spool.run(refuse),
        spool.run(lambda: ran.append(2) or "last"),
        return_exceptions=True,
    )
    assert (first, last, ran) == ("first", "last", [1, 2])
    assert isinstance(refused, StorageError)


async def test_work_of_one_turn_wakes_the_thread_once(spool, monkeypatch) -> None:
    batches: list[int] = []
    work_off = spool._work_off

    def count(batch, loop) -> None:
        batches.append(len(batch))
        work_off(batch, loop)

    monkeypatch.setattr(spool, "_work_off", count)
    await asyncio.gather(*(spool.run(lambda: None) for _ in range(5)))
    await spool.run(lambda: None)
    assert batches == [5, 1]


async def test_work_that_comes_while_the_thread_is_busy_follows_it(spool) -> None:
    entered, go_on, ran = threading.Event(), threading.Event(), []

    def slow() -> None:
        entered.set()
        go_on.wait()
        ran.append("slow")

    first = spawn(spool.run(slow), name="first")
    await asyncio.to_thread(entered.wait)
    later = [
        spawn(spool.run(lambda number=number: ran.append(number)), name="later")
        for number in range(3)
    ]
    cancelled = later.pop(1)
    await asyncio.sleep(0)
    await stop(cancelled)
    go_on.set()
    await asyncio.gather(first, *later)
    assert ran == ["slow", 0, 2]


async def test_whoever_is_cancelled_leaves_the_work_of_others(spool) -> None:
    entered, go_on, ran = threading.Event(), threading.Event(), []

    def slow() -> None:
        entered.set()
        go_on.wait()
        ran.append("slow")

    first = spawn(spool.run(slow), name="first")
    await asyncio.to_thread(entered.wait)
    await stop(first)
    go_on.set()
    assert await spool.run(lambda: "next") == "next"
    assert ran == ["slow"]


async def test_it_tells_how_old_its_oldest_recording_is(spool) -> None:
    assert spool.oldest_s() == 0
    for name, age_s in (("old", 500), ("new", 5)):
        spool.create(name).close()
        then_s = time.time() - age_s
        os.utime(spool.folder / name / "lock", (then_s, then_s))
    assert 499 < spool.oldest_s() < 600
