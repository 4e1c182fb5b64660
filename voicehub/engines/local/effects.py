"""Everything a conversation can ask for; `events.py` lists everything that can happen to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.events import Samples16k
from voicehub.engines.local.reply import Prompt
from voicehub.errors import VoiceHubError
from voicehub.realtime.frame import Frame, server_frame

NewId = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Emit:
    """Give `frame` to the client."""

    frame: Frame


@dataclass(frozen=True, slots=True, repr=False)
class Listen:
    """Decode `raw` and answer with `Heard`, before the next client frame is handled."""

    raw: bytes
    format: AudioFormat
    scored: bool


@dataclass(frozen=True, slots=True, repr=False)
class Transcribe:
    job: str
    samples: Samples16k


@dataclass(frozen=True, slots=True, repr=False)
class TranscribeRaw:
    """Audio that came inside an item, still encoded: it may be minutes long."""

    job: str
    raw: bytes
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class CancelTranscribe:
    """Nobody waits for `job` any more; an answer that comes all the same is ignored."""

    job: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer with `ReplyText`, `ReplyTool`, `ReplyUsage` as they come, then one `ReplyDone`."""

    response_id: str
    prompt: Prompt


@dataclass(frozen=True, slots=True, repr=False)
class Speak:
    """Answer with `Spoken`, the last of them marked. A response has one `Speak` at a time."""

    response_id: str
    text: str
    speed: float
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """The response is over: stop its `Reply` and `Speak`; later answers to them are ignored."""

    response_id: str


Effect = (
    Emit | Listen | Transcribe | TranscribeRaw | CancelTranscribe | Reply | Speak | CancelResponse
)


class Outgoing:
    """The effects of the event being handled, in order."""

    def __init__(self, new_id: NewId) -> None:
        self.new_id = new_id
        self._effects: list[Effect] = []

    def emit(self, kind: str, /, **fields: Any) -> None:
        """A server event; `fields` are open-ended JSON."""
        self._effects.append(Emit(server_frame(self.new_id("event"), kind, **fields)))

    def emit_audio(self, kind: str, audio: bytes, /, **fields: Any) -> None:
        """A server event that carries audio."""
        frame = server_frame(self.new_id("event"), kind, **fields)
        frame.audio = audio
        self._effects.append(Emit(frame))

    def error(self, error: VoiceHubError, event_id: str | None) -> None:
        self.emit("error", error=error.as_openai(event_id))

    def ask(self, effect: Effect) -> None:
        self._effects.append(effect)

    def take(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects
