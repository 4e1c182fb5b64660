import asyncio
import errno
import io
import os
import tracemalloc

import numpy as np
import pytest
import soundfile

from voicehub.devstack.spaces import SpacesServer
from voicehub.errors import StorageError
from voicehub.sinks import recorder as recorder_module
from voicehub.sinks.container import CONTAINERS, REPAIR_TAIL_BYTES
from voicehub.sinks.parts import PART_BYTES_MIN, PutPart
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.spool import Spool
from voicehub.sinks.summary import RecordingState, recording_stem
from voicehub.storage import spaces as spaces_module
from voicehub.storage.spaces import Spaces

STEM = recording_stem(7, 42, 3)
RATE = 24_000
BLOCK = 12_000
PROMISE_S = (
    2.5  # from `write` to Spaces; the timeline adds up to 2 s, the promise of the house is 5 s
)


async def assert_nothing_else_is_left(spaces: Spaces, spool: Spool, *keys: str) -> None:
    assert [entry.key for entry in await spaces.list_objects("")] == list(keys)
    assert await spaces.list_uploads("") == []
    assert list(spool.folder.iterdir()) == []
    assert spool.bytes_used == 0


@pytest.mark.parametrize(
    ("container", "seconds"), [("flac", 3.21), ("flac", 130.7), ("wav", 3.21), ("wav", 130.7)]
)
async def test_a_finished_recording_is_one_object_with_every_sample(
    studio, spaces: Spaces, spool: Spool, container: str, seconds: float
) -> None:
    played = studio.noise(seconds)
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM, container=container)
    await recorder.open()
    assert recorder.state is RecordingState.RECORDING
    await studio.play(recorder, played)
    summary = await recorder.finish()
    assert summary.state is recorder.state is RecordingState.READY
    assert summary.key == f"recordings/team-7/session-42-3.{container}"
    assert summary.url == spaces.address(summary.key)
    assert summary.bytes == (await spaces.head(summary.key)).size_bytes
    assert summary.seconds == len(played) / RATE
    assert (summary.parts > 1) == (summary.bytes > 8 << 20)
    assert np.array_equal(await studio.decoded(spaces, summary.key), played)
    await assert_nothing_else_is_left(spaces, spool, summary.key)
    assert await recorder.finish() == summary


async def test_the_first_bytes_know_the_length_and_ranges_seek(
    studio, spaces: Spaces, spool: Spool
) -> None:
    played = studio.noise(130)
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    await studio.play(recorder, played)
    summary = await recorder.finish()
    start = await spaces.get(summary.key, (0, 8192))
    with soundfile.SoundFile(io.BytesIO(start)) as file:
        assert file.frames == len(played)
    with soundfile.SoundFile(io.BytesIO(await studio.whole_object(spaces, summary.key))) as file:
        file.seek(100 * RATE)
        assert np.array_equal(file.read(RATE, dtype="int16"), played[100 * RATE : 101 * RATE])


async def test_audio_is_on_spaces_within_the_promise_while_the_session_runs(
    studio, spaces: Spaces, spool: Spool
) -> None:
    """A block each half second; how late each is stored is measured over some tails."""
    loop = asyncio.get_running_loop()
    written_at: list[tuple[float, float]] = []  # (seconds of the recording, when)
    lags_s: list[float] = []
    is_enough = asyncio.Event()

    def note(seconds_saved: float) -> None:
        while written_at and written_at[0][0] <= seconds_saved:
            lags_s.append(loop.time() - written_at.pop(0)[1])
        if seconds_saved > 3:
            is_enough.set()

    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM, on_saved=note)
    await recorder.open()
    played = studio.noise(8)
    began = loop.time()
    for number in range(16):
        recorder.write(played[number * BLOCK : (number + 1) * BLOCK])
        written_at.append((recorder.seconds_written, loop.time()))
        if is_enough.is_set():
            break
        await reaches(loop, began + (number + 1) / 2)
    assert is_enough.is_set()
    assert max(lags_s) < PROMISE_S
    tails = await spaces.list_objects(f"{STEM}.tail/")
    assert tails
    stored = b"".join([await spaces.get(tail.key) for tail in tails])
    # What another machine would find, and how it would make it whole.
    repair = CONTAINERS["flac"].repair(len(stored), stored[-REPAIR_TAIL_BYTES:])
    whole = bytearray(stored[: repair.size])
    for patch in repair.patches:
        whole[patch.offset : patch.end] = patch.content
    found, _ = soundfile.read(io.BytesIO(bytes(whole)), dtype="int16")
    assert len(found) >= recorder.seconds_saved * RATE
    assert np.array_equal(found, played[: len(found)])
    summary = await recorder.finish()
    await assert_nothing_else_is_left(spaces, spool, summary.key)


async def reaches(loop: asyncio.AbstractEventLoop, when: float) -> None:
    """The clock's own event: audio comes in real time here, and only here."""
    reached = loop.create_future()
    loop.call_at(when, reached.set_result, None)
    await reached


async def test_a_session_without_audio_has_no_recording(spaces: Spaces, spool: Spool) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    summary = await recorder.finish()
    assert (summary.state, summary.url, summary.bytes) == (RecordingState.EMPTY, None, 0)
    await assert_nothing_else_is_left(spaces, spool)


async def test_two_that_finish_at_once_finish_once(studio, spaces: Spaces, spool: Spool) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    await studio.play(recorder, studio.noise(1))
    first, second = await asyncio.gather(recorder.finish(), recorder.finish())
    assert first is second


async def test_an_outage_is_survived_and_caught_up(
    studio, stoppable_server: SpacesServer, stoppable_spaces: Spaces, spool: Spool, monkeypatch
) -> None:
    monkeypatch.setattr(recorder_module, "BACKOFF_MAX_S", 0.1)
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)
    is_saved = asyncio.Event()
    recorder = Recorder(
        spaces=stoppable_spaces,
        spool=spool,
        key_stem=STEM,
        tail_interval_s=0.1,
        on_saved=lambda _seconds: is_saved.set(),
    )
    await recorder.open()
    played = studio.noise(140)
    await studio.play(recorder, played[: 5 * RATE])
    await is_saved.wait()
    await stoppable_server.stop()
    await studio.play(recorder, played[5 * RATE : 130 * RATE])
    assert recorder.seconds_saved < 10
    await stoppable_server.start()
    is_saved.clear()
    await studio.play(recorder, played[130 * RATE :])
    while recorder.seconds_saved < 130:
        await is_saved.wait()
        is_saved.clear()
    summary = await recorder.finish()
    assert summary.state is RecordingState.READY
    assert np.array_equal(await studio.decoded(stoppable_spaces, summary.key), played)
    await assert_nothing_else_is_left(stoppable_spaces, spool, summary.key)


async def test_a_full_spool_truncates_the_recording_and_raises_nothing(
    studio, spaces: Spaces, tmp_path
) -> None:
    async with Spool(tmp_path / "small", bytes_max=600_000) as spool:
        recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
        await recorder.open()
        played = studio.noise(20)
        await studio.play(recorder, played)
        assert recorder.state is RecordingState.TRUNCATED
        recorder.write(played)
        summary = await recorder.finish()
        assert summary.state is RecordingState.TRUNCATED
        found = await studio.decoded(spaces, summary.key)
        assert len(found) == summary.seconds * RATE > 3 * RATE
        assert np.array_equal(found, played[: len(found)])
        await assert_nothing_else_is_left(spaces, spool, summary.key)


async def test_a_wav_stops_at_what_its_header_can_count(
    studio, spaces: Spaces, spool: Spool, monkeypatch
) -> None:
    monkeypatch.setattr(recorder_module.CONTAINERS["wav"], "bytes_max", 500_000)
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM, container="wav")
    await recorder.open()
    played = studio.noise(20)
    await studio.play(recorder, played)
    summary = await recorder.finish()
    assert summary.state is RecordingState.TRUNCATED
    found = await studio.decoded(spaces, summary.key)
    assert np.array_equal(found, played[: len(found)])


async def test_a_disk_that_hangs_bounds_what_waits_in_memory(
    studio, spaces: Spaces, spool: Spool, monkeypatch
) -> None:
    monkeypatch.setattr(recorder_module, "PENDING_SAMPLES_MAX", 3 * BLOCK)
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    played = studio.noise(10)
    for start in range(0, len(played), BLOCK):  # the loop gives the encoder no turn
        recorder.write(played[start : start + BLOCK])
    assert recorder.state is RecordingState.TRUNCATED
    summary = await recorder.finish()
    assert np.array_equal(await studio.decoded(spaces, summary.key), played[: 3 * BLOCK])


async def test_a_failing_disk_ends_the_recording_only(
    studio, spaces: Spaces, spool: Spool, monkeypatch
) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    played = studio.noise(4)
    await studio.play(recorder, played[: 2 * RATE])

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", broken)
    await studio.play(recorder, played[2 * RATE :])
    monkeypatch.undo()
    summary = await recorder.finish()
    assert summary.state is RecordingState.TRUNCATED
    found = await studio.decoded(spaces, summary.key)
    assert len(found) > RATE
    assert np.array_equal(found, played[: len(found)])


async def test_an_upload_that_the_store_dropped_begins_again(
    studio, spaces: Spaces, spool: Spool
) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    played = studio.noise(70)
    steps = studio.steps(recorder)
    await studio.play(recorder, played)
    await studio.until(steps, PutPart)
    (upload,) = await spaces.list_uploads("")
    await spaces.abort_upload(upload.key, upload.upload_id)
    summary = await recorder.finish()
    assert summary.state is RecordingState.READY
    assert np.array_equal(await studio.decoded(spaces, summary.key), played)
    await assert_nothing_else_is_left(spaces, spool, summary.key)


async def test_an_upload_dropped_too_late_is_a_failed_recording(
    studio, spaces: Spaces, spool: Spool
) -> None:
    """Nothing of it is thrown away: what the spool still has stays for a person."""
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    steps = studio.steps(recorder)
    await studio.play(recorder, studio.noise(150))
    await studio.until(steps, PutPart, 2)
    (upload,) = await spaces.list_uploads("")
    await spaces.abort_upload(upload.key, upload.upload_id)
    summary = await recorder.finish()
    assert (summary.state, summary.url) == (RecordingState.FAILED, None)
    assert len(spool.leftovers()) == 1


async def test_an_orphan_upload_of_the_same_key_is_aborted(
    studio, spaces: Spaces, spool: Spool
) -> None:
    """What a lost answer to the creation leaves."""
    await spaces.create_upload(f"{STEM}.flac", "audio/flac")
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await recorder.open()
    await studio.play(recorder, studio.noise(130))
    summary = await recorder.finish()
    await assert_nothing_else_is_left(spaces, spool, summary.key)


async def test_a_name_in_use_is_refused_at_open(spaces: Spaces, spool: Spool) -> None:
    first = Recorder(spaces=spaces, spool=spool, key_stem=STEM)
    await first.open()
    with pytest.raises(StorageError):
        await Recorder(spaces=spaces, spool=spool, key_stem=STEM).open()
    await first.finish()


async def test_memory_and_disk_stay_flat_with_length(studio, spaces: Spaces, spool: Spool) -> None:
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=STEM, tail_interval_s=0.05)
    await recorder.open()
    minute = studio.noise(60)
    steps = studio.steps(recorder)
    tracemalloc.start()
    try:
        await studio.play(recorder, minute)
        after_one_bytes = tracemalloc.get_traced_memory()[0]
        disk_bytes = []
        for _ in range(7):
            await studio.play(recorder, minute)
            await studio.until(steps, PutPart)
            disk_bytes.append(spool.bytes_used)
        growth_bytes = tracemalloc.get_traced_memory()[0] - after_one_bytes
    finally:
        tracemalloc.stop()
    summary = await recorder.finish()
    assert summary.seconds == 480
    assert growth_bytes < 10 << 20
    assert max(disk_bytes) < 5 * PART_BYTES_MIN
