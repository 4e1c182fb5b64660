"""A conversation driven by hand: probabilities, transcripts, replies and speech are scripted."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.conversation import Conversation
from voicehub.engines.local.effects import (
    CancelResponse,
    CancelTranscribe,
    Emit,
    Listen,
    Reply,
    Speak,
    Transcribe,
    TranscribeRaw,
)
from voicehub.engines.local.events import (
    WINDOW_MS,
    WINDOW_SAMPLES,
    Event,
    Heard,
    ReplyDone,
    ReplyText,
    Spoken,
    Tick,
    Transcribed,
)
from voicehub.realtime.frame import Frame


class Dialogue:
    """Keeps the frames since the last `take`, and the work that was asked for and not cancelled."""

    def __init__(self, **session: Any) -> None:
        number = count(1)
        session.setdefault("audio", {}).setdefault("input", {}).setdefault(
            "transcription", {"model": "moonshine"}
        )
        self.now_ms = 1_000.0
        self.conversation = Conversation(session, lambda prefix: f"{prefix}_{next(number)}")
        self.frames: list[Frame] = []
        self.jobs: dict[str, Transcribe | TranscribeRaw] = {}
        self.replies: dict[str, Reply] = {}
        self.speaks: dict[str, Speak] = {}
        self.cancelled: list[str] = []
        self.listened: list[Listen] = []
        self.scored = 0

    def handle(self, event: Event) -> None:
        for effect in self.conversation.handle(event, self.now_ms):
            match effect:
                case Emit(frame):
                    self.frames.append(frame)
                case Listen():
                    self.listened.append(effect)
                case Transcribe() | TranscribeRaw():
                    self.jobs[effect.job] = effect
                case CancelTranscribe(job):
                    self.cancelled.append(job)
                    self.jobs.pop(job, None)
                case Reply():
                    self.replies[effect.response_id] = effect
                case Speak():
                    assert effect.response_id not in self.speaks, "one Speak at a time"
                    self.speaks[effect.response_id] = effect
                case CancelResponse(response_id):
                    self.cancelled.append(response_id)
                    self.replies.pop(response_id, None)
                    self.speaks.pop(response_id, None)

    def send(self, kind: str, /, **body: Any) -> list[str]:
        """A client event; the kinds of all frames since the last `take`."""
        audio = body.pop("raw", None)
        self.handle(Frame(kind, {"type": kind, **body}, audio))
        return self.kinds()

    def kinds(self) -> list[str]:
        return [frame.type for frame in self.frames]

    def take(self) -> list[str]:
        kinds = self.kinds()
        self.frames.clear()
        return kinds

    def body(self, kind: str) -> dict[str, Any]:
        """The newest event of this kind."""
        return next(frame.body for frame in reversed(self.frames) if frame.type == kind)

    def hear(self, *probabilities: float, level: float = 0.1) -> list[str]:
        """One scored window per probability; time goes on with the audio."""
        for probability in probabilities:
            self.scored += 1
            self.now_ms += WINDOW_MS
            samples = np.full(WINDOW_SAMPLES, level, np.float32)
            self.handle(Heard(samples, (probability,)))
        return self.kinds()

    def quiet(self, duration_ms: float) -> list[str]:
        return self.hear(*[0.0] * round(duration_ms / WINDOW_MS))

    def speak(self, duration_ms: float) -> list[str]:
        return self.hear(*[0.95] * round(duration_ms / WINDOW_MS))

    def push(self, duration_ms: float) -> list[str]:
        """Unscored audio, as with turn detection off."""
        self.handle(Heard(np.full(round(duration_ms * 16), 0.1, np.float32)))
        return self.kinds()

    def transcribed(self, text: str) -> list[str]:
        """The oldest job is done."""
        job = next(iter(self.jobs))
        del self.jobs[job]
        self.handle(Transcribed(job, text))
        return self.kinds()

    @property
    def response_id(self) -> str:
        return next(reversed(self.replies))

    def reply(self, *pieces: str, done: bool = True) -> list[str]:
        response_id = self.response_id
        for piece in pieces:
            self.handle(ReplyText(response_id, piece))
        if done:
            self.handle(ReplyDone(response_id))
        return self.kinds()

    def spoken(self, duration_ms: float, *, last: bool = True) -> list[str]:
        """Audio of the newest Speak."""
        response_id = next(reversed(self.speaks))
        audio_format = self.speaks[response_id].format
        if last:
            del self.speaks[response_id]
        silence = bytes(round(duration_ms * audio_format.bytes_per_ms))
        self.handle(Spoken(response_id, silence, last))
        return self.kinds()

    def tick(self) -> list[str]:
        """Time goes on to the deadline."""
        deadline_ms = self.conversation.deadline_ms()
        assert deadline_ms is not None
        self.now_ms = max(self.now_ms, deadline_ms)
        self.handle(Tick())
        return self.kinds()

    def said(self, text: str = "Hello there.") -> None:
        """A whole spoken turn, up to the Reply."""
        self.quiet(512)
        self.speak(640)
        self.quiet(512)
        self.transcribed(text)

    def answered(self, text: str = "Hi.", duration_ms: float = 1_000) -> str:
        """The whole answer to what was asked last; the id of its item."""
        self.reply(text)
        self.spoken(duration_ms)
        return str(self.body("response.done")["response"]["output"][0]["id"])

    def user_text(self, text: str, **body: Any) -> list[str]:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        return self.send("conversation.item.create", item=item, **body)

    def error(self) -> dict[str, Any]:
        return dict(self.body("error")["error"])


NewDialogue = Callable[..., Dialogue]


@pytest.fixture
def new_dialogue() -> NewDialogue:
    return Dialogue


@pytest.fixture
def dialogue() -> Dialogue:
    """Server VAD with its defaults."""
    return Dialogue(instructions="You are Ava.")


@pytest.fixture
def push_to_talk() -> Dialogue:
    return Dialogue(audio={"input": {"turn_detection": None}})


@pytest.fixture(params=list(AudioFormat))
def any_format(request: pytest.FixtureRequest) -> AudioFormat:
    return request.param
