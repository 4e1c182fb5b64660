"""G.711 mu-law and A-law by table lookup, bit for bit what CPython's `audioop` gave."""

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
_Wide = npt.NDArray[np.int32]

_MULAW_BIAS = 33  # of 14-bit samples
_MULAW_CLIP = 8159
_MULAW_SEGMENT_ENDS = np.array([0x3F << shift | (1 << shift) - 1 for shift in range(8)])
_ALAW_SEGMENT_ENDS = np.array([0x1F << shift | (1 << shift) - 1 for shift in range(8)])


def encode_mulaw(pcm: Pcm) -> bytes:
    return _MULAW_OF_PCM[pcm.view(np.uint16)].tobytes()


def decode_mulaw(raw: bytes) -> Pcm:
    return _PCM_OF_MULAW[np.frombuffer(raw, np.uint8)]


def encode_alaw(pcm: Pcm) -> bytes:
    return _ALAW_OF_PCM[pcm.view(np.uint16)].tobytes()


def decode_alaw(raw: bytes) -> Pcm:
    return _PCM_OF_ALAW[np.frombuffer(raw, np.uint8)]


def _every_sample() -> _Wide:
    """All int16 values, at the place that their bits name as an unsigned number."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _mulaw_of_pcm() -> npt.NDArray[np.uint8]:
    sample = _every_sample() >> 2  # the codec is defined on 14 bits
    magnitude: _Wide = np.minimum(np.abs(sample), _MULAW_CLIP) + _MULAW_BIAS
    segment = np.searchsorted(_MULAW_SEGMENT_ENDS, magnitude)
    code = segment << 4 | (magnitude >> (segment + 1)) & 0xF
    code[segment == 8] = 0x7F
    return np.where(sample < 0, code ^ 0x7F, code ^ 0xFF).astype(np.uint8)


def _alaw_of_pcm() -> npt.NDArray[np.uint8]:
    sample = _every_sample() >> 3  # the codec is defined on 13 bits
    magnitude = np.where(sample < 0, -sample - 1, sample)
    segment = np.searchsorted(_ALAW_SEGMENT_ENDS, magnitude)
    code: npt.NDArray[np.int64] = segment << 4 | (magnitude >> np.maximum(segment, 1)) & 0xF
    # G.711 inverts the even bits; a set sign bit means a positive sample.
    return np.where(sample < 0, code ^ 0x55, code ^ 0xD5).astype(np.uint8)


def _pcm_of_mulaw() -> Pcm:
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0xF) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.int16)


def _pcm_of_alaw() -> Pcm:
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0xF) << 4) + np.where(segment == 0, 8, 0x108)
    magnitude <<= np.maximum(segment - 1, 0)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_MULAW_OF_PCM = _mulaw_of_pcm()
_ALAW_OF_PCM = _alaw_of_pcm()
_PCM_OF_MULAW = _pcm_of_mulaw()
_PCM_OF_ALAW = _pcm_of_alaw()
