"""Everything that can happen to a session."""

from dataclasses import dataclass, field

from voicehub.errors import VoiceHubError
from voicehub.realtime.frame import Body, Frame
from voicehub.session.state import EndedReason


@dataclass(frozen=True, slots=True)
class Opened:
    """The engine is open; `session` is its effective session object."""

    session: Body
    wall_ms: float
    """Milliseconds since the Unix epoch, of the recording's first sample."""


@dataclass(slots=True)
class ClientSent:
    frame: Frame


@dataclass(frozen=True, slots=True)
class ClientErred:
    """The client sent something that is no event, or too much."""

    error: VoiceHubError
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClientLeft:
    clean: bool
    """Whether it closed the socket, or the socket broke."""


@dataclass(frozen=True, slots=True)
class ClientCame:
    """A socket of the session's user takes the place of the one before, broken or not."""


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """Somebody other than the client pauses the session."""


@dataclass(slots=True)
class EngineSent:
    frame: Frame


@dataclass(frozen=True, slots=True)
class EngineEnded:
    """The engine failed, or ended on its own."""

    error: VoiceHubError


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """What came of a `CallTool`: the tool's answer, or what the model is to know of its failure."""

    call_id: str
    output: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuotaRead:
    """What the team had left when `booking` number `sequence` was counted, in millionths."""

    sequence: int
    audio: int
    text: int
    audio_max: int = 0
    """What the plan holds; 0 where nobody knows."""
    text_max: int = 0


@dataclass(frozen=True, slots=True)
class EndAsked:
    """Somebody other than the client ends the session."""

    reason: EndedReason
    error: VoiceHubError
    at_turn_end: bool = False
    """Whether a turn in progress may end first."""
    within_ms: float = 0.0
    """How long it may take for that."""


@dataclass(frozen=True, slots=True)
class Woke:
    """The deadline that the session asked for is there."""


Event = (
    Opened
    | ClientSent
    | ClientErred
    | ClientLeft
    | ClientCame
    | PauseAsked
    | EngineSent
    | EngineEnded
    | ToolAnswered
    | QuotaRead
    | EndAsked
    | Woke
)
