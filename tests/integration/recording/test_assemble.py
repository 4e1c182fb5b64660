import tracemalloc

import numpy as np
import pytest

from voicehub.sinks.assemble import Piece, assemble
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.salvage import RecordingBrokenError, look
from voicehub.sinks.spool import Spool, SpoolFullError
from voicehub.sinks.summary import RecordingState, joined_stem, recording_stem

JOINED = joined_stem(7, 42, 1)
MEMORY_BYTES_MAX = 20 << 20
RATE = 24_000


async def leg(spaces, spool, token, blocks):
    recorder = Recorder(spaces=spaces, spool=spool, key_stem=recording_stem(7, 42, token))
    await recorder.open()
    for block in blocks:
        recorder.write(block)
        if recorder.is_behind:
            await recorder.drained()
    await recorder.finish()
    return await look(recording_stem(7, 42, token), await spaces.list_objects(""), (), spaces)


async def test_minutes_pass_through_in_little_memory(studio, spaces, spool):
    """In samples they are 29 MB a leg."""
    block = studio.noise(5)
    blocks = [block // 64] * 60
    pieces = [
        Piece(await leg(spaces, spool, 1, blocks), 0, None),
        Piece(await leg(spaces, spool, 2, blocks), 320 * RATE, None),
    ]
    tracemalloc.start()
    summary = await assemble(pieces, spaces=spaces, spool=spool, key_stem=JOINED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BYTES_MAX
    assert summary.state is RecordingState.READY
    assert (summary.seconds, summary.lost_ms) == (620.0, 20_000)
    assert list(spool.folder.iterdir()) == []


async def test_a_spool_without_room_makes_nothing_rather_than_half(studio, spaces, spool, tmp_path):
    pieces = [Piece(await leg(spaces, spool, 1, [studio.noise(4)] * 8), 24, None)]
    for room in (500 << 10, 3700 << 10):  # not for the leg; not for the joined object beside it
        async with Spool(tmp_path / f"small-{room}", bytes_max=room) as small:
            with pytest.raises(SpoolFullError):
                await assemble(pieces, spaces=spaces, spool=small, key_stem=JOINED)
            assert (small.bytes_used, list(small.folder.iterdir())) == (0, [])


async def test_an_offset_of_days_is_no_silence(studio, spaces, spool):
    pieces = [Piece(await leg(spaces, spool, 1, [studio.noise(1)]), 25 * 3600 * RATE, None)]
    with pytest.raises(RecordingBrokenError):
        await assemble(pieces, spaces=spaces, spool=spool, key_stem=JOINED)
    assert list(spool.folder.iterdir()) == []


async def test_what_others_wrote_under_our_name_is_broken(spaces, spool):
    key = f"{recording_stem(7, 42, 1)}.wav"
    header = b"RIFF" + bytes(36) + (400).to_bytes(4, "little") + bytes(400)
    await spaces.put(key, header, "audio/wav")
    remains = await look(recording_stem(7, 42, 1), await spaces.list_objects(""), (), spaces)
    with pytest.raises(RecordingBrokenError):
        await assemble([Piece(remains, 0, None)], spaces=spaces, spool=spool, key_stem=JOINED)


async def test_a_leg_without_a_frame_leaves_no_object(spaces, spool):
    await spaces.put(f"{recording_stem(7, 42, 1)}.tail/{0:015d}", b"fLaC" + bytes(40), "x/y")
    remains = await look(recording_stem(7, 42, 1), await spaces.list_objects(""), (), spaces)
    summary = await assemble([Piece(remains, 0, None)], spaces=spaces, spool=spool, key_stem=JOINED)
    assert (summary.state, summary.url) == (RecordingState.EMPTY, None)
    assert await spaces.head(f"{JOINED}.flac") is None


async def test_the_newer_leg_starts_to_the_sample(studio, spaces, spool):
    first, second = studio.noise(2), studio.noise(1)[::-1].copy()
    pieces = [
        Piece(await leg(spaces, spool, 1, [first]), 0, 24_001),
        Piece(await leg(spaces, spool, 2, [second]), 24_001, None),
    ]
    summary = await assemble(pieces, spaces=spaces, spool=spool, key_stem=JOINED)
    heard = await studio.decoded(spaces, summary.key)
    assert np.array_equal(heard, np.concatenate([first[:24_001], second]))
