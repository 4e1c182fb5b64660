"""How loud a finished recording is, along its length: what a player draws, by decoding it once."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import soundfile

from voicehub.errors import OverloadError, StorageError
from voicehub.sinks.container import CHANNELS, SAMPLE_RATE_HZ, Block
from voicehub.sinks.salvage import READ_BYTES_MAX
from voicehub.sinks.scratch import Scratch
from voicehub.sinks.spool import Spool
from voicehub.storage.spaces import Spaces

POINTS = 1_200  # of each voice: finer than a screen shows
LOUDEST = 255
# An hour takes some seconds of a core: one at a time, and those who come while so many wait are
# refused with 503.
WAITING_MAX = 8
RETRY_S = 5
KEPT_MAX = 256  # of 2.4 kB; the one that was asked for longest ago is forgotten


@dataclass(frozen=True, slots=True)
class Waveform:
    """The peaks of equal stretches of the recording, from 0 to `LOUDEST`, for each voice."""

    seconds: float
    user: list[int]
    agent: list[int]


class Waveforms:
    """Draws them, and keeps those that were asked for lately."""

    def __init__(self, spaces: Spaces, spool: Spool) -> None:
        self._spaces, self._spool = spaces, spool
        self._kept: OrderedDict[str, Waveform] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def of(self, key: str, size_bytes: int) -> Waveform:
        """Of the object `key`, a finished recording. Raises OverloadError, StorageError."""
        if self._waiting >= WAITING_MAX:
            raise OverloadError("Too many waveforms are being drawn.", retry_after_s=RETRY_S)
        self._waiting += 1
        try:
            async with self._turn:
                if key not in self._kept:
                    self._kept[key] = await self._drawn(key, size_bytes)
        finally:
            self._waiting -= 1
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return self._kept[key]

    async def _drawn(self, key: str, size_bytes: int) -> Waveform:
        async with Scratch(self._spool) as scratch:
            for start in range(0, size_bytes, READ_BYTES_MAX):
                end = min(size_bytes, start + READ_BYTES_MAX)
                await scratch.append(await self._spaces.get(key, (start, end)))
            loop = asyncio.get_running_loop()
            # Not in the spool's own thread, in which recordings are written meanwhile.
            drawing = loop.run_in_executor(None, draw, scratch.descriptor)
            try:
                return await asyncio.shield(drawing)
            finally:
                await asyncio.wait([drawing])  # before the file is closed


def draw(descriptor: int) -> Waveform:
    """The waveform of the audio file `descriptor`. Raises StorageError for what is none of ours."""
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as file:
            if (file.samplerate, file.channels) != (SAMPLE_RATE_HZ, CHANNELS):
                raise StorageError("The object is no recording of ours.")
            stretch = max(1, -(-file.frames // POINTS))
            peaks = [
                _peaks(block)
                for block in file.blocks(blocksize=stretch, dtype="int16", always_2d=True)
            ]
            seconds = file.frames / SAMPLE_RATE_HZ
    except soundfile.SoundFileError as error:
        raise StorageError("The recording cannot be decoded.") from error
    return Waveform(seconds, [peak[0] for peak in peaks], [peak[1] for peak in peaks])


def _peaks(block: Block) -> tuple[int, int]:
    loudest = np.abs(block.astype(np.int32)).max(axis=0, initial=0)
    user, agent = (int(peak) * LOUDEST // 32768 for peak in loudest)
    return user, agent
