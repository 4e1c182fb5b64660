import numpy as np
import pytest
import soundfile

from voicehub.client import clip
from voicehub.errors import ClientError


def tone(rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate_hz * seconds)) / rate_hz)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000, 44100, 48000])
def test_any_rate_becomes_24_khz_without_a_shift(tmp_path, rate_hz):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(rate_hz), rate_hz, subtype="PCM_16")
    loaded = clip.load(path) / 32768
    assert len(loaded) == 24000
    expected = tone(24000)
    middle = slice(2400, -2400)
    assert np.abs(loaded[middle] - expected[middle]).max() < 0.01


def test_channels_are_mixed(tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.column_stack((tone(24000), np.zeros(24000))), 24000)
    mono = tmp_path / "mono.wav"
    soundfile.write(mono, tone(24000) / 2, 24000)
    assert np.abs(clip.load(path).astype(int) - clip.load(mono).astype(int)).max() <= 1


def test_a_saved_clip_is_loaded_as_it_was(tmp_path):
    path = tmp_path / "clip.wav"
    pcm = np.arange(-1000, 1000, dtype=np.int16)
    clip.save(path, pcm)
    assert np.array_equal(clip.load(path), pcm)
    assert [each.name for each in tmp_path.iterdir()] == ["clip.wav"]


def test_what_is_no_audio_is_refused_by_name(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not audio")
    with pytest.raises(ClientError, match=r"notes.txt cannot be read as audio"):
        clip.load(path)
    with pytest.raises(ClientError, match=r"missing.wav cannot be read"):
        clip.load(tmp_path / "missing.wav")


def test_a_clip_that_is_too_long_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(clip, "CLIP_S_MAX", 1)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(24001), 24000)
    with pytest.raises(ClientError, match="longer than 1 s"):
        clip.load(path)


def test_clips_are_joined_with_the_same_pause_however_quiet_their_ends_are():
    speech = np.full(240, 5000, np.int16)
    padded = np.concatenate((clip.silence(300), speech, clip.silence(500)))
    both = clip.joined([padded, speech], pause_ms=10)
    assert np.array_equal(both, np.concatenate((speech, clip.silence(10), speech)))
    assert len(clip.joined([], pause_ms=10)) == 0
    assert len(clip.trimmed(clip.silence(10))) == 0


def test_silence_has_its_length():
    assert len(clip.silence(50)) == 1200
    assert not clip.silence(50).any()
