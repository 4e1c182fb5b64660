"""Makes one recording of what several owners recorded: each leg at its place on the session's one
time line, silence between.

An hour of samples is 345 MB: they pass through in blocks, from the leg's file to the recorder that
any session has, which encodes and uploads them as they come.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import soundfile

from voicehub.errors import StorageError
from voicehub.sinks.container import CHANNELS, SAMPLE_RATE_HZ, Block
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.salvage import RecordingBrokenError, Remains, fetch
from voicehub.sinks.scratch import Scratch
from voicehub.sinks.spool import Spool, SpoolFullError
from voicehub.sinks.summary import RecordingState, RecordingSummary
from voicehub.storage.spaces import Spaces

SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
BLOCK_SAMPLES = 5 * SAMPLE_RATE_HZ  # a megabyte at a time
# A longer silence is nobody's absence but a wrong offset: the recording is not made.
SILENCE_SAMPLES_MAX = 24 * 3600 * SAMPLE_RATE_HZ
# For the bytes that are still to go up when all is encoded; then the next attempt begins anew.
FINISH_DEADLINE_S = 600.0
# The legs themselves are stored until the recording is: it needs no tail objects.
TAIL_INTERVAL_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a leg is heard: from `start`, its first sample, up to `end` where a newer leg takes
    over.
    """

    remains: Remains
    start: int
    end: int | None


def lay_out(legs: Sequence[tuple[int, Remains]]) -> list[Piece]:
    """Place (at_ms, remains), the oldest owner first. From where a newer owner began, an older one
    that recorded on is not heard.
    """
    pieces: list[Piece] = []
    end: int | None = None
    for at_ms, remains in reversed(legs):
        start = max(0, at_ms) * SAMPLES_PER_MS
        if end is None or start < end:
            pieces.append(Piece(remains, start, end))
            end = start
    return pieces[::-1]


async def assemble(
    pieces: Sequence[Piece], *, spaces: Spaces, spool: Spool, key_stem: str
) -> RecordingSummary:
    """Write one object under `key_stem`, which nobody wrote before. May be cancelled; then, and
    when it fails, an upload of it may stay on Spaces.

    Raises RecordingBrokenError, StorageError.
    """
    recorder = Recorder(
        spaces=spaces,
        spool=spool,
        key_stem=key_stem,
        container=pieces[0].remains.container,
        tail_interval_s=TAIL_INTERVAL_S,
        finish_deadline_s=FINISH_DEADLINE_S,
    )
    await recorder.open()
    try:
        silence = await _record(recorder, pieces, spaces, spool)
        summary = _whole(await recorder.finish())
    except BaseException:
        await recorder.discard()
        raise
    return replace(summary, lost_ms=silence // SAMPLES_PER_MS)


def _whole(summary: RecordingSummary) -> RecordingSummary:
    """What is cut short here, another attempt or another worker may make whole."""
    if summary.state is RecordingState.TRUNCATED:
        raise SpoolFullError("The spool has no room for the joined recording.")
    if summary.state not in {RecordingState.READY, RecordingState.EMPTY}:
        raise StorageError("The joined recording is not stored yet.")
    return summary


async def _record(recorder: Recorder, pieces: Sequence[Piece], spaces: Spaces, spool: Spool) -> int:
    """Returns how many samples of silence were put in."""
    position = silence = 0
    for piece in pieces:
        async with Scratch(spool) as scratch:
            samples = await fetch(piece.remains, spaces, scratch)
            if piece.end is not None:
                samples = min(samples, piece.end - piece.start)
            if not samples:
                continue
            gap = piece.start - position
            silence += gap
            await _write_silence(recorder, gap)
            await _write_audio(recorder, scratch, samples, piece.remains.key)
            position = piece.start + samples
    return silence


async def _write_silence(recorder: Recorder, samples: int) -> None:
    if samples > SILENCE_SAMPLES_MAX:
        raise RecordingBrokenError("A leg lies more than a day behind the one before it.")
    for start in range(0, samples, BLOCK_SAMPLES):
        size = min(BLOCK_SAMPLES, samples - start)
        await _write(recorder, np.zeros((size, CHANNELS), np.int16))


async def _write_audio(recorder: Recorder, scratch: Scratch, samples: int, key: str) -> None:
    loop = asyncio.get_running_loop()
    # One thread of its own: a read whose waiter was cancelled ends before the file is closed.
    with ThreadPoolExecutor(1, "decode") as thread:
        try:
            file = await loop.run_in_executor(thread, _open, scratch.descriptor)
            try:
                if (file.samplerate, file.channels) != (SAMPLE_RATE_HZ, CHANNELS):
                    raise RecordingBrokenError(f"{key} is no recording of ours.")
                for start in range(0, samples, BLOCK_SAMPLES):
                    size = min(BLOCK_SAMPLES, samples - start)
                    block = await loop.run_in_executor(thread, _read, file, size)
                    if len(block) < size:
                        raise RecordingBrokenError(f"{key} is shorter than it says.")
                    await _write(recorder, block)
            finally:
                await loop.run_in_executor(thread, file.close)
        except soundfile.SoundFileError as error:
            raise RecordingBrokenError(f"{key} cannot be decoded.") from error


def _open(descriptor: int) -> soundfile.SoundFile:
    return soundfile.SoundFile(descriptor, closefd=False)


def _read(file: soundfile.SoundFile, samples: int) -> Block:
    block: Block = file.read(samples, dtype="int16", always_2d=True)
    return block


async def _write(recorder: Recorder, block: Block) -> None:
    recorder.write(block)
    if recorder.state is RecordingState.TRUNCATED:
        raise SpoolFullError("The spool has no room for the joined recording.")
    if recorder.is_behind:
        await recorder.drained()
