import asyncio

import numpy as np
import pytest

from tests.speech import (
    BECKETT,
    TWO_CITIES,
    noise,
    recording,
    samples16k,
    silence,
    word_error_rate,
)

SENTENCES = (
    "Hello, I would like to change my appointment on Monday.",
    "Could you please tell me how much the blue one costs?",
    "My order has not arrived yet, and it was sent two weeks ago.",
)


async def spoken(models, text):
    return np.concatenate([sound async for sound in models.speak(text)])


async def test_human_speech_of_any_length_is_understood(speech_models):
    for said, name in ((BECKETT, "beckett.wav"), (TWO_CITIES, "two_cities.wav")):
        heard = await speech_models.transcribe(recording(name))
        assert word_error_rate(said, heard) < 0.15


async def test_what_it_says_it_understands_itself(speech_models):
    for said in SENTENCES:
        heard = await speech_models.transcribe(samples16k(await spoken(speech_models, said)))
        assert word_error_rate(said, heard) < 0.1


async def test_speech_in_noise_is_understood_well_enough(speech_models):
    said = SENTENCES[0]
    sound = np.concatenate(
        (silence(500), samples16k(await spoken(speech_models, said)), silence(500))
    )
    heard = await speech_models.transcribe(
        sound + 0.005 * noise(len(sound) // 16 + 1)[: len(sound)]
    )
    assert word_error_rate(said, heard) < 0.25


async def test_single_words_are_understood(speech_models):
    for word in ("Yes.", "No.", "Stop.", "Five."):
        sound = samples16k(await spoken(speech_models, word))
        heard = await speech_models.transcribe(np.concatenate((silence(400), sound, silence(300))))
        assert word_error_rate(word, heard) == 0


@pytest.mark.parametrize(
    "sound",
    [
        np.empty(0, np.float32),
        silence(100),
        silence(3000),
        noise(3000),
        0.3 * np.sin(np.arange(48_000) * (2 * np.pi * 120 / 16_000)).astype(np.float32),
        np.concatenate((silence(500), noise(150, 0.5), silence(500))),
    ],
    ids=["nothing", "a blink", "silence", "noise", "hum", "knock"],
)
async def test_where_nobody_speaks_there_are_no_words(speech_models, sound):
    assert await speech_models.transcribe(sound) == ""


async def test_scores_come_in_order_for_audio_of_any_size(speech_models):
    speech = recording("beckett.wav")
    cut, whole = speech_models.new_vad(), speech_models.new_vad()
    scored = []
    for start in range(0, len(speech), 320):
        scored += await speech_models.score(cut, speech[start : start + 320])
    assert scored == await speech_models.score(whole, speech)


async def test_a_sentence_is_heard_before_the_next_one_is_made(speech_models):
    sounds = speech_models.speak("This is a sentence. " * 500)
    first = await anext(sounds)
    assert len(first) > 12_000
    await sounds.aclose()  # so that the rest is never made


async def test_a_speaker_who_is_cancelled_leaves_nothing_behind(speech_models):
    async def listen():
        async for _ in speech_models.speak("This is a sentence. " * 500):
            begun.set()

    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen())
        await begun.wait()
        task.cancel()
    assert await spoken(speech_models, "Still here.") is not None


async def test_many_sessions_share_the_models(speech_models):
    speech = recording("beckett.wav")
    async with asyncio.TaskGroup() as group:
        heard = [group.create_task(speech_models.transcribe(speech)) for _ in range(3)]
        said = [group.create_task(spoken(speech_models, SENTENCES[0])) for _ in range(3)]
    assert len({task.result() for task in heard}) == 1
    assert len({task.result().tobytes() for task in said}) == 1


def test_the_time_of_loading_is_known(speech_models):
    assert 0 < speech_models.load_s < 60
