"""The offline engine with its real models: spoken turns, barge-in, every format, push-to-talk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from tests.speech import BECKETT, pcm24k, recording, silence, word_error_rate
from voicehub.audio.formats import AudioFormat, FromPcm24k, ToPcm24k
from voicehub.audio.resample import Resampler, to_float
from voicehub.engines.local.engine import LocalEngine
from voicehub.engines.local.responder import BuiltInResponder
from voicehub.errors import EngineError
from voicehub.realtime.frame import Frame

FRAME_MS = 100
STEP_S_MAX = 30.0
NewClient = Callable[..., Awaitable["Client"]]


class Client:
    """Sends audio as fast as the engine takes it, and keeps what it gives."""

    def __init__(self, engine: LocalEngine, audio_format: AudioFormat) -> None:
        self.engine = engine
        self.format = audio_format
        self.seen: list[Frame] = []
        self._frames = engine.frames()

    async def send(self, kind: str, /, **body: Any) -> None:
        await self.engine.send(Frame(kind, {"type": kind, **body}))

    async def say(self, samples: np.ndarray) -> None:
        raw = FromPcm24k(self.format)(pcm24k(samples))
        size = FRAME_MS * self.format.bytes_per_ms
        for start in range(0, len(raw), size):
            kind = "input_audio_buffer.append"
            await self.engine.send(Frame(kind, {"type": kind}, raw[start : start + size]))

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of this kind."""
        async with asyncio.timeout(STEP_S_MAX):
            while True:
                frame = await anext(self._frames)
                self.seen.append(frame)
                assert frame.type != "error", frame.body
                if frame.type == kind:
                    return frame.body

    def kinds(self) -> list[str]:
        return [frame.type for frame in self.seen]

    def audio(self) -> bytes:
        return b"".join(
            f.audio or b"" for f in self.seen if f.type == "response.output_audio.delta"
        )

    async def close(self) -> None:
        await self.engine.aclose()
        async for frame in self._frames:
            self.seen.append(frame)


@pytest.fixture
async def new_client(speech_models) -> AsyncIterator[NewClient]:
    clients: list[Client] = []

    async def make(audio_format: AudioFormat = AudioFormat.PCM, **audio_input: Any) -> Client:
        engine = LocalEngine(speech_models, BuiltInResponder())
        client = Client(engine, audio_format)
        clients.append(client)
        shape = audio_format.as_ga()
        session = await engine.open(
            {
                "instructions": "You are Ava, a friendly guide.",
                "audio": {
                    "input": {
                        "format": shape,
                        "transcription": {"model": "moonshine"},
                        **audio_input,
                    },
                    "output": {"format": shape},
                },
            }
        )
        assert session["id"].startswith("sess_")
        return client

    yield make
    for client in clients:
        await client.close()


async def voice(speech_models, text: str) -> np.ndarray:
    """`text` as the engine's own voice says it, at 16 kHz."""
    pieces = [sound async for sound in speech_models.speak(text)]
    return Resampler(24_000, 16_000)(to_float(np.concatenate(pieces)))


@pytest.mark.parametrize("audio_format", list(AudioFormat))
async def test_a_spoken_turn_gives_a_transcript_and_a_spoken_reply(
    speech_models, new_client, audio_format
):
    client = await new_client(audio_format)
    words = "Hello my name is Robert, can you tell me what your name is?"
    await client.say(
        np.concatenate((silence(800), await voice(speech_models, words), silence(900)))
    )
    completed = await client.until("conversation.item.input_audio_transcription.completed")
    assert word_error_rate(words, completed["transcript"]) < 0.25
    done = (await client.until("response.done"))["response"]
    assert done["status"] == "completed"
    part = done["output"][0]["content"][0]
    assert part["type"] == "output_audio"
    # What was given as audio is what the transcript says.
    pcm = ToPcm24k(audio_format)(client.audio())
    heard = await speech_models.transcribe(Resampler(24_000, 16_000)(to_float(pcm)))
    assert word_error_rate(part["transcript"], heard) < 0.25
    usage = done["usage"]
    agent_ms = audio_format.duration_ms(len(client.audio()))
    assert usage["output_token_details"]["audio_tokens"] == -(-agent_ms // 50)
    assert done["voicehub"]["latency_ms"]["vad_silence"] == 512


async def test_speech_is_dated_within_150_ms_of_its_onset(speech_models, new_client):
    client = await new_client()
    samples = await voice(speech_models, "Please tell me a short story about the sea.")
    onset_ms = 1_500 + np.flatnonzero(np.abs(samples) > 0.02)[0] / 16
    await client.say(np.concatenate((silence(1_500), samples, silence(900))))
    started = await client.until("input_audio_buffer.speech_started")
    assert abs(started["audio_start_ms"] + 300 - onset_ms) < 150


async def test_a_human_recording_is_understood(new_client):
    client = await new_client(
        turn_detection={"type": "server_vad", "silence_duration_ms": 3_000, "threshold": 0.5}
    )
    await client.say(np.concatenate((silence(500), recording("beckett.wav"), silence(3_500))))
    completed = await client.until("conversation.item.input_audio_transcription.completed")
    assert word_error_rate(BECKETT, completed["transcript"]) < 0.25


async def test_barge_in_cancels_within_one_decision(speech_models, new_client):
    client = await new_client()
    await client.say(
        np.concatenate(
            (silence(500), await voice(speech_models, "Tell me a story please."), silence(900))
        )
    )
    await client.until("response.output_audio.delta")
    # A second window of speech decides, and nothing of the agent's follows it.
    await client.say(await voice(speech_models, "Stop, that is enough."))
    await client.until("input_audio_buffer.speech_started")
    started = len(client.seen)
    await client.say(silence(900))
    await client.until("input_audio_buffer.committed")
    after = client.kinds()[started:]
    assert "response.output_audio.delta" not in after
    dones = [f.body["response"] for f in client.seen if f.type == "response.done"]
    assert len(dones) == 1
    if dones[0]["status"] == "cancelled":
        assert dones[0]["status_details"]["reason"] == "turn_detected"
        assert "response.done" in after
        assert after.index("response.done") < after.index("input_audio_buffer.committed")


async def test_push_to_talk_answers_when_asked(speech_models, new_client):
    client = await new_client(turn_detection=None)
    words = "How much is seven times six?"
    await client.say(await voice(speech_models, words))
    await client.send("input_audio_buffer.commit")
    await client.send("response.create")
    await client.until("response.created")
    completed = await client.until("conversation.item.input_audio_transcription.completed")
    assert word_error_rate(words, completed["transcript"]) < 0.25
    done = (await client.until("response.done"))["response"]
    assert "42" in done["output"][0]["content"][0]["transcript"]
    assert "input_audio_buffer.speech_started" not in client.kinds()


async def test_noise_gets_no_answer(new_client):
    client = await new_client(turn_detection=None)
    await client.say(0.05 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32))
    await client.send("input_audio_buffer.commit")
    completed = await client.until("conversation.item.input_audio_transcription.completed")
    assert completed["transcript"] == ""


async def test_closing_while_it_speaks_leaves_nothing_behind(speech_models, new_client):
    client = await new_client()
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Tell me a story."}],
    }
    await client.send("conversation.item.create", item=item)
    await client.send("response.create")
    await client.until("response.output_audio.delta")
    await client.close()
    await client.close()
    await client.send("response.create")


async def test_a_wrong_session_does_not_open(speech_models):
    engine = LocalEngine(speech_models, BuiltInResponder())
    with pytest.raises(EngineError):
        await engine.open({"output_modalities": ["smell"]})
    await engine.aclose()
