import io

import numpy as np
import pytest
import soundfile

from voicehub.sinks import flac


def _encoded(samples: int, *, seed: int = 1) -> bytes:
    noise = np.random.default_rng(seed).integers(-9000, 9000, (samples, 2), dtype=np.int16)
    sink = io.BytesIO()
    soundfile.write(sink, noise, 24_000, format="FLAC", subtype="PCM_16")
    return sink.getvalue()


@pytest.mark.parametrize("samples", [1, 4096, 4097, 3 * 4096 + 17, 200 * 4096 + 192])
def test_the_last_whole_frame_tells_the_length(samples: int) -> None:
    encoded = _encoded(samples)
    assert flac.find_end(encoded[-(128 << 10) :]) == (samples, min(len(encoded), 128 << 10))


def test_a_torn_frame_is_cut_off() -> None:
    encoded = _encoded(10 * 4096)
    _, end_of_nine = flac.find_end(encoded[:-1])
    assert flac.find_end(encoded[:-1])[0] == 9 * 4096
    assert flac.find_end(encoded[: end_of_nine + 40]) == (9 * 4096, end_of_nine)


def test_bytes_without_a_whole_frame_have_no_length() -> None:
    encoded = _encoded(4096)
    assert flac.find_end(b"") == (0, 0)
    assert flac.find_end(encoded[:-1]) == (0, 0)
    assert flac.find_end(b"\xff\xf8" * 40) == (0, 0)


def test_frame_numbers_above_one_byte_are_read() -> None:
    """From frame 128 on the number takes two bytes, as it does after 22 seconds."""
    assert flac.find_end(_encoded(129 * 4096)[-20_000:])[0] == 129 * 4096
    assert flac._coded_number(b"\xf0\x90\x80\x80", 0) == (0x10000, 4)


def test_length_patches_make_a_headless_file_whole() -> None:
    content = bytearray(_encoded(5 * 4096))
    content[21:26] = b"\xf0\0\0\0\0"
    for offset, patch in flac.length_patches(5 * 4096):
        content[offset : offset + len(patch)] = patch
    with soundfile.SoundFile(io.BytesIO(bytes(content))) as file:
        assert (file.frames, file.channels, file.samplerate) == (5 * 4096, 2, 24_000)
        assert len(file.read(dtype="int16")) == 5 * 4096
