"""The recording of a session that took place in real time: who was heard when."""

import io

import numpy as np
import pytest
import soundfile
from aiohttp import ClientSession
from yarl import URL

from tests.realtime import TRANSCRIBED, Caller
from tests.speech import word_error_rate
from voicehub.engines.local.engine import LocalEngine
from voicehub.engines.local.responder import BuiltInResponder
from voicehub.keys import ENGINES
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn, stop

RATE_HZ = 24_000
MS = RATE_HZ // 1000


def babble(duration_ms, seed):
    """Noise at the level of speech: nothing else correlates with it."""
    random = np.random.default_rng(seed)
    return (3_000 * random.standard_normal(duration_ms * MS)).clip(-32_000, 32_000).astype("<i2")


def place_of(sound, track):
    """Where `sound` stands in `track`, in samples, and how alike the two are there."""
    sound, track = sound.astype(np.float64), track.astype(np.float64)
    size = 1 << (len(track) + len(sound)).bit_length()
    spectrum = np.fft.rfft(track, size) * np.conj(np.fft.rfft(sound, size))
    found = int(np.argmax(np.fft.irfft(spectrum, size)[: len(track)]))
    piece = track[found : found + len(sound)]
    likeness = piece @ sound[: len(piece)] / (np.linalg.norm(piece) * np.linalg.norm(sound) + 1e-9)
    return found, likeness


async def recorded(site, session_id):
    """Left and right, as the signed URL gives them."""
    shown = await site.ask("GET", f"/v1/sessions/{session_id}/recording")
    async with ClientSession() as anyone, anyone.get(URL(shown["url"], encoded=True)) as heard:
        assert heard.status == 200
        samples, rate_hz = soundfile.read(io.BytesIO(await heard.read()), dtype="int16")
    assert rate_hz == RATE_HZ
    assert len(samples) == round(shown["seconds"] * RATE_HZ)
    return samples[:, 0], samples[:, 1]


async def test_both_voices_stand_where_they_were_heard(site):
    talk = await site.talk()
    caller = Caller(talk)
    calling = spawn(caller.run(), name="caller")
    engine, agent = site.engine, babble(4_000, seed=2)
    mine = babble(2_000, seed=1)
    await caller.say(mine[: 1_000 * MS].tobytes())
    # Four seconds of the agent come in one go; the caller cuts in after about 1.5 of them.
    await engine.begin_reply(1)
    await engine.speak_pcm(1, agent.tobytes())
    await engine.end_reply(1, "Words words words.", usage=duration_usage(0, 4_000, 0, 0))
    await talk.until("response.done")
    began_at = len(caller.sent) // 2
    await caller.say(bytes(1_500 * MS * 2))
    await engine.say("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=2_500)
    await talk.until("input_audio_buffer.speech_started")
    cut_at = len(caller.sent) // 2
    await caller.say(mine[1_000 * MS :].tobytes())

    proof = {"Authorization": f"Bearer {await site.token()}"}
    path = f"/v1/sessions/{talk.session_id}/recording"
    async with site.client.get(path, headers=proof) as early:
        assert (early.status, (await early.json())["code"]) == (409, "recording_not_ready")
        assert int(early.headers["Retry-After"]) > 0
    await stop(calling)
    await talk.close()
    row = await site.over(talk.session_id)
    assert row["data"]["recording"]["state"] == "ready"

    left, right = await recorded(site, talk.session_id)
    sent = np.frombuffer(bytes(caller.sent), "<i2")
    offsets = []
    for start in (0, 1_000 * MS):
        piece = mine[start : start + 1_000 * MS]
        place, likeness = place_of(piece, left)
        assert likeness > 0.999
        offsets.append(place - place_of(piece, sent)[0])
    assert abs(offsets[1] - offsets[0]) <= 20 * MS
    begins, likeness = place_of(agent[: 1_000 * MS], right)
    assert likeness > 0.999
    # By the caller's own clock, to the chunk of 100 ms.
    assert abs(begins - offsets[0] - began_at) <= 150 * MS
    ends = int(np.flatnonzero(right)[-1]) + 1
    assert abs(ends - offsets[0] - cut_at) <= 150 * MS
    assert np.array_equal(right[begins:ends], agent[: ends - begins])
    (line,) = row["data"]["transcript"]
    assert line["interrupted"]
    assert abs(line["start_ms"] * MS - begins) <= MS
    assert abs(line["end_ms"] * MS - ends) <= MS


@pytest.fixture
async def local(site, speech_models):
    site.app[ENGINES]["local"] = lambda: LocalEngine(speech_models, BuiltInResponder())
    return site


async def voice(speech_models, text):
    pieces = [sound async for sound in speech_models.speak(text)]
    return np.concatenate(pieces).astype("<i2")


async def test_a_spoken_turn_with_a_barge_in(local, speech_models):
    words = "Hello, please tell me what you can do for me."
    question = await voice(speech_models, words)
    stop_words = await voice(speech_models, "Stop, that is enough for me now.")
    talk = await local.talk("model=Local")
    caller = Caller(talk)
    calling = spawn(caller.run(), name="caller")
    await caller.say(bytes(500 * MS * 2) + question.tobytes())
    heard = await talk.until(TRANSCRIBED)
    assert word_error_rate(words, heard["transcript"]) < 0.25
    await talk.until("response.output_audio.delta")
    await caller.say(bytes(600 * MS * 2))
    interrupting = spawn(caller.say(stop_words.tobytes()), name="interruption")
    await talk.until("input_audio_buffer.speech_started")
    cut_at = len(caller.sent) // 2
    await talk.until(TRANSCRIBED)
    await interrupting
    await stop(calling)
    await talk.close()
    row = await local.over(talk.session_id)
    left, right = await recorded(local, talk.session_id)

    onset, likeness = place_of(question, left)
    assert likeness > 0.99
    offset = onset - place_of(question, np.frombuffer(bytes(caller.sent), "<i2"))[0]
    first, reply = row["data"]["transcript"][:2]
    spoken_at = onset + np.flatnonzero(np.abs(question) > 600)[0]
    assert abs(first["start_ms"] - spoken_at / MS) < 300
    assert (reply["speaker"], reply["interrupted"]) == ("agent", True)
    begins, ends = (round(reply[name] * MS) for name in ("start_ms", "end_ms"))
    assert np.abs(right[begins:ends]).max() > 1_000
    # From the barge-in on the agent says nothing until the caller has spoken.
    stopped = place_of(stop_words, left)[0] + len(stop_words)
    assert not right[ends + MS : stopped].any()
    assert abs(ends - offset - cut_at) <= 250 * MS
    _check_usage(row, talk)
    assert await local.used() == (row["usage"]["audio_tokens"], row["usage"]["text_tokens"])


def _check_usage(row, talk):
    """What the client saw is what the row has; a reply that the end broke off adds to it."""
    details = [
        (usage["input_token_details"], usage["output_token_details"])
        for usage in (done["response"]["usage"] for done in talk.of("response.done"))
    ]
    audio = sum(side["audio_tokens"] for pair in details for side in pair)
    assert audio > 0
    assert row["usage"]["audio_tokens"] >= audio


def test_the_measure_finds_what_is_there():
    sound = babble(300, seed=3)
    track = np.concatenate((babble(500, seed=4), sound, babble(200, seed=5)))
    place, likeness = place_of(sound, track)
    assert place == 500 * MS
    assert likeness > 0.999
