"""The shell, with scripted models: each test waits for events, never for time to pass."""

import asyncio
from typing import Any

import numpy as np
import pytest

from voicehub.engines.local import engine as engine_module
from voicehub.engines.local import session_config
from voicehub.engines.local.engine import INBOX_MAX, LocalEngine
from voicehub.engines.local.reply import TextPart, ToolPart, UsagePart
from voicehub.errors import EngineError, OverloadError
from voicehub.realtime.frame import Frame
from voicehub.tasks import spawn

WAIT_S = 10


class ScriptedModels:
    """Loud audio is speech; its transcript and its sound are given by the test."""

    def __init__(self) -> None:
        self.transcript: str | Exception = "Hello there."
        self.sounds: list[np.ndarray | Exception] = [np.zeros(24_000, np.int16)]
        self.score_failure: Exception | None = None
        self.closed = 0
        self.is_speaking = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def new_vad(self):
        return object()

    async def score(self, _vad, samples):
        if self.score_failure is not None:
            raise self.score_failure
        return [0.95 if abs(w).max() > 0.1 else 0.0 for w in samples.reshape(-1, 512)]

    async def transcribe(self, _samples):
        await self.gate.wait()
        if isinstance(self.transcript, Exception):
            raise self.transcript
        return self.transcript

    async def speak(self, _text, _speed):
        self.is_speaking.set()
        try:
            for sound in self.sounds:
                await self.gate.wait()
                if isinstance(sound, Exception):
                    raise sound
                yield sound
        finally:
            self.closed += 1


class ScriptedResponder:
    def __init__(self) -> None:
        self.parts: list[Any] = [TextPart("Hi. "), TextPart("Bye.")]
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = 0

    async def reply(self, _prompt):
        try:
            for part in self.parts:
                await self.gate.wait()
                if isinstance(part, Exception):
                    raise part
                yield part
        finally:
            self.closed += 1


class Session:
    def __init__(self) -> None:
        self.models, self.responder = ScriptedModels(), ScriptedResponder()
        self.engine = LocalEngine(self.models, self.responder)
        self.frames = self.engine.frames()
        self.seen: list[Frame] = []

    async def send(self, kind, /, audio=None, **body):
        await self.engine.send(Frame(kind, {"type": kind, **body}, audio))

    async def say(self, level, duration_ms):
        """A buzz of 1 kHz."""
        buzz = np.resize(np.repeat([level, -level], 12), 24 * duration_ms)
        pcm = (buzz * 32_767).astype(np.int16)
        await self.send("input_audio_buffer.append", pcm.tobytes())

    async def until(self, kind):
        async with asyncio.timeout(WAIT_S):
            async for frame in self.frames:
                self.seen.append(frame)
                if frame.type == kind:
                    return frame.body
        raise AssertionError(f"no {kind}")

    def kinds(self):
        return [frame.type for frame in self.seen]


@pytest.fixture
async def session():
    session = Session()
    await session.engine.open({"audio": {"input": {"transcription": {"model": "m"}}}})
    yield session
    await session.engine.aclose()


async def test_a_spoken_turn_is_answered_with_audio(session):
    for level, duration_ms in ((0.0, 500), (0.5, 700), (0.0, 700)):
        await session.say(level, duration_ms)
    done = (await session.until("response.done"))["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"][0]["transcript"] == "Hi. Bye."
    assert done["usage"]["output_token_details"]["audio_tokens"] == 40
    assert done["voicehub"]["latency_ms"]["vad_silence"] == 512
    assert session.kinds()[:2] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
    ]


async def test_a_commit_finds_the_audio_that_was_sent_before_it(session):
    audio = {"input": {"turn_detection": None}}
    await session.send("session.update", session={"type": "realtime", "audio": audio})
    await session.send("input_audio_buffer.append", bytes(48 * 200))
    await session.send("input_audio_buffer.commit")
    body = await session.until("conversation.item.input_audio_transcription.completed")
    assert body["usage"]["seconds"] == pytest.approx(0.2, abs=0.002)
    assert "error" not in session.kinds()


async def test_tools_and_usage_reach_the_response(session):
    session.responder.parts = [ToolPart("look", "{}", "call_1"), UsagePart(10, 5, 2)]
    await session.send("response.create")
    done = (await session.until("response.done"))["response"]
    assert done["output"][0]["call_id"] == "call_1"
    assert done["usage"]["input_token_details"]["cached_tokens"] == 2


async def test_a_failed_reply_fails_the_response_alone(session):
    session.responder.parts = [EngineError("The endpoint is gone.")]
    await session.send("response.create")
    done = (await session.until("response.done"))["response"]
    assert done["status_details"]["error"]["message"] == "The endpoint is gone."
    session.responder.parts = [TextPart("Hi.")]
    await session.send("response.create")
    assert (await session.until("response.done"))["response"]["status"] == "completed"


async def test_failed_speech_fails_the_response_alone(session):
    session.models.sounds = [OverloadError("Too much to do.")]
    await session.send("response.create")
    done = (await session.until("response.done"))["response"]
    assert done["status_details"]["error"]["code"] == "server_overloaded"


async def test_speech_that_hangs_fails_the_response(session, monkeypatch):
    monkeypatch.setattr(engine_module, "SPEAK_S_MAX", 0.001)
    session.models.gate.clear()
    await session.send("response.create")
    done = (await session.until("response.done"))["response"]
    assert done["status"] == "failed"


@pytest.mark.parametrize("failure", [EngineError("No models."), None])
async def test_a_transcript_that_cannot_be_made_is_told(session, monkeypatch, failure):
    if failure is None:
        monkeypatch.setattr(engine_module, "TRANSCRIBE_S_MAX", 0.001)
        session.models.gate.clear()
    else:
        session.models.transcript = failure
    content = [{"type": "input_audio", "audio": "AAAAAAAA"}]
    item = {"type": "message", "role": "user", "content": content}
    await session.send("conversation.item.create", item=item)
    body = await session.until("conversation.item.input_audio_transcription.failed")
    assert body["error"]["code"] == "transcription_failed"


async def test_cancelling_stops_the_work_behind_the_response(session):
    session.responder.gate.clear()
    await session.send("response.create")
    await session.until("response.created")
    await session.send("response.cancel")
    await session.until("response.done")
    await session.engine.aclose()
    assert session.responder.closed == 1


async def test_models_that_fail_to_hear_end_the_engine(session):
    session.models.score_failure = OverloadError("Too much to do.")
    await session.send("input_audio_buffer.append", bytes(48 * 200))
    with pytest.raises(OverloadError):
        await session.until("response.done")
    await session.send("response.create")


async def test_a_bug_ends_the_engine_without_its_words(session):
    session.responder.parts = [ValueError("secret words")]
    await session.send("response.create")
    with pytest.raises(EngineError) as failure:
        await session.until("response.done")
    assert "secret" not in str(failure.value)


async def test_closing_ends_the_frames_and_is_safe_to_repeat(session):
    session.models.gate.clear()
    await session.send("response.create")
    await session.until("response.content_part.added")
    await session.models.is_speaking.wait()
    await session.engine.aclose()
    await session.engine.aclose()
    assert [frame async for frame in session.frames] == []
    assert [frame async for frame in session.engine.frames()] == []
    await session.send("response.create")
    assert session.models.closed == session.responder.closed == 1


async def test_an_engine_that_was_never_opened_can_be_closed():
    engine = Session().engine
    await engine.aclose()
    assert [frame async for frame in engine.frames()] == []


async def test_senders_wait_while_the_inbox_is_full():
    session = Session()
    for _ in range(INBOX_MAX):
        await session.send("input_audio_buffer.commit")
    late = spawn(session.send("input_audio_buffer.commit"), name="late sender")
    await asyncio.sleep(0)  # one turn of the loop, in which it begins to wait
    assert not late.done()
    await session.engine.open({})
    await late
    await session.engine.aclose()


async def test_events_are_taken_at_once_until_the_inbox_is_full():
    session = Session()
    commit = Frame("input_audio_buffer.commit", {"type": "input_audio_buffer.commit"})
    for _ in range(INBOX_MAX):
        assert session.engine.send_now(commit)
    assert not session.engine.send_now(commit)
    await session.engine.aclose()
    assert session.engine.send_now(commit)


async def test_speech_waits_for_whoever_takes_the_frames(session, monkeypatch):
    monkeypatch.setattr(engine_module, "OUTPUT_SPEECH_MAX", 8)
    session.models.sounds = [np.zeros(24_000, np.int16)] * 5
    await session.send("response.create")
    done = (await session.until("response.done"))["response"]
    assert done["usage"]["output_token_details"]["audio_tokens"] == 200


async def test_an_engine_that_nobody_reads_fails(session, monkeypatch):
    monkeypatch.setattr(engine_module, "OUTPUT_MAX", 2)
    for _ in range(4):
        await session.send("input_audio_buffer.clear")
    with pytest.raises(EngineError):
        await session.until("response.done")


async def test_time_outs_come_without_any_event(session, monkeypatch):
    monkeypatch.setattr(session_config, "IDLE_MS_MIN", 1)
    detection = {"type": "server_vad", "idle_timeout_ms": 1}
    await session.send(
        "session.update",
        session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}},
    )
    session.models.sounds = []
    await session.send("response.create")
    await session.until("input_audio_buffer.timeout_triggered")
