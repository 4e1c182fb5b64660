import os

import numpy as np
import pytest
import soundfile

from voicehub.errors import StorageError
from voicehub.sinks.waveform import LOUDEST, POINTS, draw


@pytest.fixture
def drawn(tmp_path):
    def write_and_draw(samples, rate_hz=24_000):
        path = tmp_path / "a.flac"
        soundfile.write(path, samples, rate_hz, subtype="PCM_16")
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return draw(descriptor)
        finally:
            os.close(descriptor)

    return write_and_draw


def test_each_voice_has_its_peaks_where_it_spoke(drawn):
    samples = np.zeros((24_000, 2), np.int16)
    samples[6_000:12_000, 0] = 16_384
    samples[18_000:, 1] = -32_768
    waveform = drawn(samples)
    assert waveform.seconds == 1
    assert len(waveform.user) == len(waveform.agent) == POINTS
    quarter = POINTS // 4
    assert [max(waveform.user[at : at + quarter]) for at in range(0, POINTS, quarter)] == [
        0,
        LOUDEST // 2,
        0,
        0,
    ]
    assert [max(waveform.agent[at : at + quarter]) for at in range(0, POINTS, quarter)] == [
        0,
        0,
        0,
        LOUDEST,
    ]


def test_a_short_or_uneven_recording_has_fewer_points(drawn):
    assert len(drawn(np.zeros((7, 2), np.int16)).user) == 7
    assert len(drawn(np.zeros((POINTS * 2 + 1, 2), np.int16)).user) == POINTS * 2 // 3 + 1


@pytest.mark.parametrize("samples", [np.zeros((100, 1), np.int16), np.zeros((100, 3), np.int16)])
def test_what_is_no_recording_of_ours_is_refused(drawn, samples):
    with pytest.raises(StorageError):
        drawn(samples)


def test_what_is_no_audio_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"nothing")
    descriptor = os.open(tmp_path / "a", os.O_RDONLY)
    with pytest.raises(StorageError):
        draw(descriptor)
    os.close(descriptor)
