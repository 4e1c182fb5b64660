import io

import numpy as np
import pytest
import soundfile

from voicehub.sinks.container import CONTAINERS, REPAIR_TAIL_BYTES, Repair

RNG = np.random.default_rng(3)
BLOCKS = [RNG.integers(-9000, 9000, (size, 2), dtype=np.int16) for size in (12_000, 1, 4095, 7)]
SAMPLES = np.concatenate(BLOCKS)


def encode_all(container, blocks) -> bytes:
    return b"".join([container.encode(block) for block in blocks])


def _patched(content: bytes, patches) -> bytes:
    whole = bytearray(content)
    for patch in patches:
        whole[patch.offset : patch.end] = patch.content
    assert len(whole) == len(content)
    return bytes(whole)


def _decoded(content: bytes):
    samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate_hz == 24_000
    return samples


@pytest.mark.parametrize("name", ["flac", "wav"])
def test_appended_and_patched_bytes_decode_to_every_sample(name: str) -> None:
    container = CONTAINERS[name]()
    content = b"".join(container.encode(block) for block in BLOCKS)
    last, patches = container.close()
    whole = _patched(content + last, patches)
    assert np.array_equal(_decoded(whole), SAMPLES)


def test_the_first_bytes_tell_the_length() -> None:
    """A browser asks for them first, and seeks by what they say."""
    for name, frames in (("flac", _flac_frames), ("wav", _wav_frames)):
        container = CONTAINERS[name]()
        content = encode_all(container, BLOCKS)
        last, patches = container.close()
        assert frames(_patched(content + last, patches)[:8192]) == len(SAMPLES)


def _flac_frames(start: bytes) -> int:
    with soundfile.SoundFile(io.BytesIO(start)) as file:
        return file.frames


def _wav_frames(start: bytes) -> int:
    """By hand: libsndfile believes the file's size more than its header."""
    assert int.from_bytes(start[4:8], "little") == int.from_bytes(start[40:44], "little") + 36
    return int.from_bytes(start[40:44], "little") // 4


@pytest.mark.parametrize("name", ["flac", "wav"])
def test_settled_samples_are_in_the_bytes_given_out(name: str) -> None:
    container = CONTAINERS[name]()
    content = b""
    for block in BLOCKS:
        content += container.encode(block)
        repair = container.repair(len(content), content[-REPAIR_TAIL_BYTES:])
        assert repair.samples == container.samples_settled


@pytest.mark.parametrize("name", ["flac", "wav"])
def test_a_file_whose_writer_died_is_repaired_to_its_last_whole_frame(name: str) -> None:
    container = CONTAINERS[name]()
    content = encode_all(container, BLOCKS) + encode_all(container, BLOCKS)[:-3]
    repair = container.repair(len(content), content[-REPAIR_TAIL_BYTES:])
    whole = _patched(content[: repair.size], repair.patches)
    assert repair.samples > len(SAMPLES)
    assert np.array_equal(_decoded(whole), np.concatenate([SAMPLES, SAMPLES])[: repair.samples])


def test_a_wav_without_samples_is_a_header() -> None:
    last, patches = CONTAINERS["wav"]().close()
    assert len(_decoded(_patched(last, patches))) == 0
    assert CONTAINERS["wav"].repair(20, b"").samples == 0


def test_the_flac_encoder_writes_over_its_header_only() -> None:
    """What is written over must lie in the first part, which is uploaded again at the end."""
    container = CONTAINERS["flac"]()
    encode_all(container, BLOCKS)
    _, patches = container.close()
    assert {(patch.offset, len(patch.content)) for patch in patches} == {(12, 6), (21, 5), (26, 16)}


def test_silence_costs_next_to_nothing() -> None:
    container = CONTAINERS["flac"]()
    silence = np.zeros((24_000, 2), np.int16)
    assert len(encode_all(container, [BLOCKS[0], *[silence] * 60])) < 60_000
    assert isinstance(container.repair(0, b""), Repair)


@pytest.mark.parametrize("quiet_samples", [1, 24_000, 50_001])
@pytest.mark.parametrize("sounds", [[], BLOCKS])
def test_the_quiet_before_the_first_sound_is_there(quiet_samples: int, sounds) -> None:
    container = CONTAINERS["flac"]()
    quiet = np.zeros((quiet_samples, 2), np.int16)
    assert container.encode(quiet) == b""
    assert container.samples_settled == 0
    content = encode_all(container, sounds)
    last, patches = container.close()
    whole = _decoded(_patched(content + last, patches))
    assert np.array_equal(whole, np.concatenate([quiet, *sounds]))


def test_a_long_quiet_is_encoded_as_it_comes(monkeypatch) -> None:
    monkeypatch.setattr("voicehub.sinks.container.QUIET_SAMPLES_MAX", 24_000)
    container = CONTAINERS["flac"]()
    quiet = np.zeros((20_000, 2), np.int16)
    sizes = [len(container.encode(quiet)) for _ in range(3)]
    assert sizes[0] == 0
    assert sizes[1] > 0
    assert 0 < sizes[2] < 1_000
    last, _ = container.close()
    assert last
    assert container.samples_settled == 60_000 // 4096 * 4096
