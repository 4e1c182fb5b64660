"""The reference is ITU-T G.711 worked out one sample at a time, as `audioop` did it."""

import numpy as np
import pytest

from voicehub.audio import g711

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_BYTE = bytes(range(256))


def reference_mulaw(sample: int) -> int:
    sample >>= 2
    mask, magnitude = (0x7F, -sample) if sample < 0 else (0xFF, sample)
    magnitude = min(magnitude, 8159) + 33
    for segment in range(8):
        if magnitude <= (0x40 << segment) - 1:
            return ((segment << 4) | ((magnitude >> (segment + 1)) & 0xF)) ^ mask
    return 0x7F ^ mask


def reference_alaw(sample: int) -> int:
    sample >>= 3
    mask, magnitude = (0x55, -sample - 1) if sample < 0 else (0xD5, sample)
    for segment in range(8):
        if magnitude <= (0x20 << segment) - 1:
            shift = 1 if segment < 2 else segment
            return ((segment << 4) | ((magnitude >> shift) & 0xF)) ^ mask
    raise AssertionError


def reference_mulaw_sample(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0xF) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def reference_alaw_sample(code: int) -> int:
    code ^= 0x55
    magnitude, segment = (code & 0xF) << 4, (code & 0x70) >> 4
    magnitude = magnitude + 8 if segment == 0 else (magnitude + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def test_every_sample_encodes_as_the_standard_says():
    assert g711.encode_mulaw(EVERY_SAMPLE) == bytes(
        reference_mulaw(sample) for sample in EVERY_SAMPLE.tolist()
    )
    assert g711.encode_alaw(EVERY_SAMPLE) == bytes(
        reference_alaw(sample) for sample in EVERY_SAMPLE.tolist()
    )


def test_every_byte_decodes_as_the_standard_says():
    assert g711.decode_mulaw(EVERY_BYTE).tolist() == [
        reference_mulaw_sample(code) for code in EVERY_BYTE
    ]
    assert g711.decode_alaw(EVERY_BYTE).tolist() == [
        reference_alaw_sample(code) for code in EVERY_BYTE
    ]


@pytest.mark.parametrize(
    ("encode", "decode"),
    [(g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)],
)
def test_a_decoded_sample_survives_being_encoded_again(encode, decode):
    once = decode(EVERY_BYTE)
    assert np.array_equal(decode(encode(once)), once)


def test_known_codes_of_silence_and_the_loudest_samples():
    samples = np.array([0, 32767, -32768], np.int16)
    assert g711.encode_mulaw(samples) == bytes([0xFF, 0x80, 0x00])
    assert g711.encode_alaw(samples) == bytes([0xD5, 0xAA, 0x2A])


def test_no_audio_is_no_audio():
    assert g711.encode_mulaw(np.empty(0, np.int16)) == b""
    assert len(g711.decode_alaw(b"")) == 0
