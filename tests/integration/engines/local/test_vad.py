import numpy as np
import pytest

from tests.speech import noise, recording, samples16k, silence
from voicehub.engines.local.tts import Voice
from voicehub.engines.local.vad import WINDOW_MS, WINDOW_SAMPLES, SileroModel, Vad


@pytest.fixture(scope="module")
def model():
    return SileroModel()


@pytest.mark.parametrize("text", ["Hello, can you hear me?", "Stop it now.", "I need a table."])
def test_speech_is_found_where_it_is(model, text):
    speech = samples16k(np.concatenate(list(Voice().speak(text))))
    scored = Vad(model).score(np.concatenate((silence(2000), speech, silence(2000))))
    loud = np.flatnonzero(np.abs(speech) > 0.05 * np.abs(speech).max())
    voiced_ms = np.flatnonzero(np.array(scored) >= 0.5) * WINDOW_MS
    assert abs(voiced_ms[0] - (2000 + loud[0] / 16)) < 100
    assert abs(voiced_ms[-1] + WINDOW_MS - (2000 + loud[-1] / 16)) < 150


def test_the_onset_of_a_human_voice_is_found(model):
    speech = recording("beckett.wav")
    scored = Vad(model).score(np.concatenate((silence(2000), speech)))
    loud = np.flatnonzero(np.abs(speech) > 0.05 * np.abs(speech).max())
    first_ms = np.flatnonzero(np.array(scored) >= 0.5)[0] * WINDOW_MS
    assert abs(first_ms - (2000 + loud[0] / 16)) < 100


def test_silence_and_noise_are_not_speech(model):
    assert max(Vad(model).score(silence(3000))) < 0.3
    assert max(Vad(model).score(noise(3000))) < 0.3


def test_the_cut_of_the_audio_does_not_show(model):
    speech = recording("beckett.wav")[:48_000]
    whole, cut = Vad(model), Vad(model)
    pieces = [cut.score(speech[start : start + 777]) for start in range(0, 48_000, 777)]
    assert [score for piece in pieces for score in piece] == whole.score(speech)
    assert len(speech) // WINDOW_SAMPLES == 93


def test_two_ears_share_a_model_without_hearing_each_other(model):
    speech = recording("beckett.wav")[:32_000]
    alone, first, second = Vad(model), Vad(model), Vad(model)
    mixed = []
    for start in range(0, 32_000, 1600):
        mixed += first.score(speech[start : start + 1600])
        second.score(noise(100, seed=start))
    assert mixed == alone.score(speech)


def test_a_reset_ear_has_heard_nothing(model):
    speech = recording("beckett.wav")[:32_000]
    vad = Vad(model)
    fresh = vad.score(speech)
    vad.score(noise(70))
    vad.reset()
    assert vad.score(speech) == fresh


def test_it_tells_whether_a_window_would_be_full(model):
    vad = Vad(model)
    assert not vad.completes_window(511)
    vad.score(silence(20))
    assert vad.completes_window(192)
    assert not vad.completes_window(191)
