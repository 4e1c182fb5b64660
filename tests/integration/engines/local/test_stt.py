import numpy as np
import pytest

from tests.speech import BECKETT, recording, samples16k, silence, word_error_rate
from voicehub.engines.local.stt import PIECE_SAMPLES_MAX, Moonshine
from voicehub.engines.local.tts import Voice


@pytest.fixture(scope="module")
def model():
    return Moonshine()


def test_a_human_voice_is_understood(model):
    assert word_error_rate(BECKETT, model.transcribe(recording("beckett.wav"))) < 0.15


def test_the_synthetic_voice_is_understood(model):
    said = "I would like to book a table for two people tonight. Is there one by the window?"
    sound = np.concatenate(list(Voice().speak(said)))
    assert word_error_rate(said, model.transcribe(samples16k(sound))) < 0.1


def test_a_single_word_is_understood(model):
    sound = samples16k(next(Voice().speak("Stop.")))
    heard = model.transcribe(np.concatenate((silence(400), sound, silence(300))))
    assert word_error_rate("Stop.", heard) == 0


@pytest.mark.parametrize("samples_count", [0, 1, 1000, 2047, 3000])
def test_a_few_samples_do_no_harm(model, samples_count):
    assert isinstance(model.transcribe(np.zeros(samples_count, np.float32)), str)


def test_a_loop_and_an_endless_recording_are_bounded(model):
    heard = model.transcribe(np.zeros(3 * PIECE_SAMPLES_MAX, np.float32))
    assert len(heard) < 2000
