import numpy as np
import pytest

from voicehub.engines.local.tts import Voice


@pytest.fixture(scope="module")
def voice():
    return Voice()


def spoken(voice, text, speed=1.0):
    return np.concatenate(list(voice.speak(text, speed)))


def test_each_sentence_is_a_sound_of_its_own(voice):
    sounds = list(voice.speak("Hello there. How are you today? I am fine."))
    assert len(sounds) == 3
    assert all(sound.dtype == np.int16 and len(sound) > 12_000 for sound in sounds)
    assert all(np.abs(sound.astype(int)).max() > 2000 for sound in sounds)


@pytest.mark.parametrize("text", ["", "  \n", "...", "😀", "***"])
def test_where_nothing_can_be_said_there_is_no_sound(voice, text):
    assert list(voice.speak(text)) == []


def test_the_same_text_sounds_the_same(voice):
    assert np.array_equal(spoken(voice, "Once more."), spoken(voice, "Once more."))


def test_speed_shortens_the_sound_within_what_the_voice_can_do(voice):
    text = "How are you today?"
    durations = [len(spoken(voice, text, speed)) for speed in (0.01, 0.5, 1.0, 1.5, 2.0, 100)]
    assert durations[0] == durations[1] > durations[2] > durations[3] > durations[4] == durations[5]


def test_long_text_is_spoken_as_it_is_made(voice):
    sounds = voice.speak("This is one sentence. " * 900)
    assert len(next(sounds)) > 0
    sounds.close()


@pytest.mark.parametrize("text", ["\ud800 lone", "ß ü 你好 ok", "a" * 3000, "\x00 nul", "(((((("])
def test_odd_text_does_no_harm(voice, text):
    list(voice.speak(text))
