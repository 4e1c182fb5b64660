"""The file format of a recording: stereo samples in, bytes to append out, and at the end patches of
its header.

The header of a growing file cannot know its length, and a browser needs the length to seek; so the
length is written over the first bytes when the recording closes.
"""

import struct
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from voicehub.sinks import flac
from voicehub.sinks.parts import OBJECT_BYTES_MAX

SAMPLE_RATE_HZ = 24_000
CHANNELS = 2
FRAME_BYTES = 4  # one sample of both channels, in PCM
# Of 0..1, FLAC's own level 3. Level 4 costs a quarter more CPU, to look for what two voices have in
# common, and saves 3 % of the bytes.
COMPRESSION_LEVEL = 0.375
# Quiet before the first sound that is encoded together with it, a fifth of a second's work; more is
# encoded as it comes.
QUIET_SAMPLES_MAX = 300 * SAMPLE_RATE_HZ
WAV_HEADER_BYTES = 44

Block = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes to be written over those at `offset`."""

    offset: int
    content: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.content)


@dataclass(frozen=True, slots=True)
class Repair:
    """How to close a file whose writer died: cut it to `size`, then patch it; it then holds
    `samples`.
    """

    size: int
    samples: int
    patches: tuple[Patch, ...]


class Container(Protocol):
    name: ClassVar[str]
    media_type: ClassVar[str]
    bytes_max: ClassVar[int]

    @property
    def samples_settled(self) -> int:
        """How many samples the bytes given out so far surely hold; the rest waits inside for a full
        frame.
        """

    def encode(self, block: Block) -> bytes: ...

    def close(self) -> tuple[bytes, tuple[Patch, ...]]: ...

    @staticmethod
    def repair(size: int, tail: bytes) -> Repair:
        """`tail` is the file's end, REPAIR_TAIL_BYTES long or the whole file."""


class FlacContainer:
    name: ClassVar[str] = "flac"
    media_type: ClassVar[str] = "audio/flac"
    bytes_max: ClassVar[int] = OBJECT_BYTES_MAX

    def __init__(self) -> None:
        self._sink = _Sink()
        self._samples = 0
        # libFLAC takes 180 KiB from its first sample: a session in which nobody has made a sound
        # yet waits for it.
        self._quiet_samples = 0
        self._encoder: soundfile.SoundFile | None = None

    @property
    def samples_settled(self) -> int:
        # libFLAC gives a frame out when the first sample behind it arrives.
        return max(0, self._samples - 1) // flac.FRAME_SAMPLES * flac.FRAME_SAMPLES

    def encode(self, block: Block) -> bytes:
        if self._encoder is None and not block.any():
            self._quiet_samples += len(block)
            if self._quiet_samples <= QUIET_SAMPLES_MAX:
                return b""
            block = block[:0]
        encoder = self._started()
        encoder.write(block)
        self._samples += len(block)
        return self._sink.take()

    def close(self) -> tuple[bytes, tuple[Patch, ...]]:
        self._started().close()
        return self._sink.take(), tuple(self._sink.patches)

    def _started(self) -> soundfile.SoundFile:
        """The encoder, with the quiet before the first sound in it."""
        if self._encoder is None:
            self._encoder = soundfile.SoundFile(
                self._sink,
                "w",
                samplerate=SAMPLE_RATE_HZ,
                channels=CHANNELS,
                format="FLAC",
                subtype="PCM_16",
                compression_level=COMPRESSION_LEVEL,
            )
            for start in range(0, self._quiet_samples, SAMPLE_RATE_HZ):
                size = min(SAMPLE_RATE_HZ, self._quiet_samples - start)
                self._encoder.write(np.zeros((size, CHANNELS), np.int16))
            self._samples = self._quiet_samples
        return self._encoder

    @staticmethod
    def repair(size: int, tail: bytes) -> Repair:
        samples, end = flac.find_end(tail)
        return Repair(
            size=size - len(tail) + end,
            samples=samples,
            patches=tuple(Patch(*patch) for patch in flac.length_patches(samples)),
        )


class WavContainer:
    name: ClassVar[str] = "wav"
    media_type: ClassVar[str] = "audio/wav"
    bytes_max: ClassVar[int] = (
        0xFFFF_FFFF - 8
    )  # RIFF counts in 32 bits: 12 hours, then the recording stops

    def __init__(self) -> None:
        self._samples = 0
        self._header = _wav_header()

    @property
    def samples_settled(self) -> int:
        return self._samples

    def encode(self, block: Block) -> bytes:
        self._samples += len(block)
        header, self._header = self._header, b""
        return header + block.astype("<i2", copy=False).tobytes()

    def close(self) -> tuple[bytes, tuple[Patch, ...]]:
        return self._header, _wav_length_patches(self._samples)

    @staticmethod
    def repair(size: int, tail: bytes) -> Repair:
        del tail
        samples = max(0, size - WAV_HEADER_BYTES) // FRAME_BYTES
        end = WAV_HEADER_BYTES + samples * FRAME_BYTES
        return Repair(end, samples, _wav_length_patches(samples))


CONTAINERS: dict[str, type[FlacContainer] | type[WavContainer]] = {
    kind.name: kind for kind in (FlacContainer, WavContainer)
}
REPAIR_TAIL_BYTES = 128 << 10  # some seconds of frames: enough to find the last whole one


class _Sink:
    """The file that libsndfile thinks it writes: takes what is appended and what is written over at
    the end.
    """

    def __init__(self) -> None:
        self.patches: list[Patch] = []
        self._fresh = bytearray()
        self._size = 0
        self._position = 0

    def take(self) -> bytes:
        fresh = bytes(self._fresh)
        self._fresh.clear()
        return fresh

    def write(self, content: bytes) -> int:
        if self._position < self._size:
            self.patches.append(Patch(self._position, bytes(content)))
            assert self.patches[-1].end <= self._size, "a header is written over in place"
        else:
            self._fresh += content
            self._size += len(content)
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, _size: int = -1) -> bytes:
        raise AssertionError("libsndfile does not read what it writes")


def _wav_header() -> bytes:
    rate_bytes = SAMPLE_RATE_HZ * FRAME_BYTES
    unknown = 0xFFFF_FFFF  # what players take for `until the end`
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", unknown, b"WAVE", b"fmt ", 16, 1, CHANNELS),
        *(SAMPLE_RATE_HZ, rate_bytes, FRAME_BYTES, 16, b"data", unknown),
    )


def _wav_length_patches(samples: int) -> tuple[Patch, ...]:
    size = samples * FRAME_BYTES
    return (
        Patch(4, struct.pack("<I", size + WAV_HEADER_BYTES - 8)),
        Patch(40, struct.pack("<I", size)),
    )
