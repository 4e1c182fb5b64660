"""The three audio formats of the protocol, and their way to and from 24 kHz samples."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from voicehub.audio import g711
from voicehub.audio.resample import Resampler, to_float, to_int16
from voicehub.errors import ClientError

RATE_HZ = 24_000
_ON_THE_WIRE = np.dtype("<i2")
Pcm = npt.NDArray[np.int16]


class AudioFormat(Enum):
    """What the bytes on the wire are; the value is the protocol's own name."""

    PCM = "audio/pcm"  # int16, little-endian, mono, 24 kHz
    PCMU = "audio/pcmu"  # G.711 mu-law, 8 kHz
    PCMA = "audio/pcma"  # G.711 A-law, 8 kHz

    def __init__(self, name: str) -> None:
        is_pcm = name == "audio/pcm"
        # Worked out once: they are asked for with every frame of every session.
        self.rate_hz = RATE_HZ if is_pcm else 8000
        self.bytes_per_sample = 2 if is_pcm else 1
        self.bytes_per_ms = self.rate_hz * self.bytes_per_sample // 1000

    def duration_ms(self, size_bytes: int) -> float:
        return size_bytes / self.bytes_per_ms

    def as_ga(self) -> dict[str, Any]:
        """The format object of the GA session; only PCM names its rate."""
        if self is AudioFormat.PCM:
            return {"type": self.value, "rate": RATE_HZ}
        return {"type": self.value}

    @classmethod
    def from_ga(cls, obj: object, param: str) -> Self:
        """The format that a client's `obj` names; `param` is where it stood. Raises ClientError."""
        if not isinstance(obj, Mapping):
            raise ClientError("The audio format must be an object with a 'type'.", param=param)
        kind, rate = obj.get("type"), obj.get("rate")
        found = next((each for each in cls if each.value == kind), None)
        if found is None:
            names = ", ".join(f"'{each.value}'" for each in cls)
            raise ClientError(f"The audio format must be one of {names}.", param=f"{param}.type")
        if rate is not None and (isinstance(rate, bool) or rate != found.rate_hz):
            raise ClientError(
                f"The rate of '{found.value}' must be {found.rate_hz}.", param=f"{param}.rate"
            )
        return found


class ToPcm24k:
    """Bytes of one format, in order, to int16 samples at 24 kHz; keeps the resampler's state."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._resampler = _resampler(audio_format.rate_hz, RATE_HZ)

    def __call__(self, raw: bytes) -> Pcm:
        """The samples of `raw`, 2 ms late from 8 kHz. Raises ClientError on half a sample."""
        if self._resampler is None:
            return pcm_samples(raw)
        return to_int16(self._resampler(to_float(_decode(self._format, raw))))

    def flush(self) -> Pcm:
        """The last 2 ms that the resampler held back; it starts anew."""
        if self._resampler is None:
            return np.empty(0, np.int16)
        return to_int16(self._resampler.flush())


class FromPcm24k:
    """Samples at 24 kHz, in order, to bytes of one format; keeps the resampler's state."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._resampler = _resampler(RATE_HZ, audio_format.rate_hz)

    def __call__(self, pcm: Pcm) -> bytes:
        """The bytes of `pcm`; 8 kHz formats come 2 ms late."""
        if self._resampler is None:
            return pcm.astype("<i2", copy=False).tobytes()
        return _encode(self._format, to_int16(self._resampler(to_float(pcm))))

    def flush(self) -> bytes:
        """The last 2 ms that the resampler held back; it starts anew."""
        if self._resampler is None:
            return b""
        return _encode(self._format, to_int16(self._resampler.flush()))


def pcm_samples(raw: bytes) -> Pcm:
    """The samples of little-endian int16 bytes, without a copy where the machine agrees."""
    if len(raw) % 2:
        raise ClientError("PCM audio must hold whole 16-bit samples.", param="audio")
    return np.frombuffer(raw, _ON_THE_WIRE).astype(np.int16, copy=False)


def _resampler(from_hz: int, to_hz: int) -> Resampler | None:
    return None if from_hz == to_hz else Resampler(from_hz, to_hz)


def _decode(audio_format: AudioFormat, raw: bytes) -> Pcm:
    return g711.decode_mulaw(raw) if audio_format is AudioFormat.PCMU else g711.decode_alaw(raw)


def _encode(audio_format: AudioFormat, pcm: Pcm) -> bytes:
    return g711.encode_mulaw(pcm) if audio_format is AudioFormat.PCMU else g711.encode_alaw(pcm)
