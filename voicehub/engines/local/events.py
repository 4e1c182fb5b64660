"""Everything that can happen to a conversation; `effects.py` lists everything it can ask for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicehub.realtime.frame import Frame

# float32, mono, 16 kHz: what the speech models work on.
Samples16k = npt.NDArray[np.float32]

RATE_HZ = 16_000
SAMPLES_PER_MS = 16
WINDOW_SAMPLES = 512
WINDOW_MS = 32


@dataclass(frozen=True, slots=True, repr=False)
class Heard:
    """Audio of a `Listen`, decoded. Scored: whole windows of 512, one probability each; else ()."""

    samples: Samples16k
    probabilities: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Transcribed:
    """The answer to a `Transcribe` or `TranscribeRaw`."""

    job: str
    text: str


@dataclass(frozen=True, slots=True)
class TranscribeFailed:
    job: str
    message: str


@dataclass(frozen=True, slots=True, repr=False)
class ReplyText:
    """A piece of the reply's text, cut anywhere; pieces join without anything between them."""

    response_id: str
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class ReplyTool:
    """The reply asks for a tool, whole."""

    response_id: str
    name: str
    arguments_json: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyUsage:
    """What the chat endpoint counted; `cached_text_tokens` lie inside the input's."""

    response_id: str
    input_text_tokens: int
    output_text_tokens: int
    cached_text_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ReplyDone:
    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The reply or its speech failed; `message` is fit for the client."""

    response_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, repr=False)
class Spoken:
    """Audio of the response's current `Speak`, in its output format; `last` ends that `Speak`."""

    response_id: str
    audio: bytes
    last: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """The time of `deadline_ms` has come."""


Event = (
    Frame
    | Heard
    | Transcribed
    | TranscribeFailed
    | ReplyText
    | ReplyTool
    | ReplyUsage
    | ReplyDone
    | ReplyFailed
    | Spoken
    | Tick
)
