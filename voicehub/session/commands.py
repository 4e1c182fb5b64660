"""Everything a session can ask of the shell; it carries them out in order."""

from dataclasses import dataclass, field
from typing import Any

from voicehub.audio.timeline import Block
from voicehub.realtime.frame import Body, Frame
from voicehub.session.metering import Totals
from voicehub.session.state import EndedReason, Status


@dataclass(slots=True)
class ToClient:
    frame: Frame
    held: bool = False
    """Whether it waits until every line and booking before it is kept."""


@dataclass(frozen=True, slots=True)
class Greet:
    """Send `frame` before all that waits: it opens a socket that has just come."""

    frame: Frame


@dataclass(slots=True)
class ToEngine:
    frame: Frame


@dataclass(frozen=True, slots=True)
class KeepLine:
    """Keep a transcript line; one with the `item_id` of an earlier line takes its place."""

    sequence: int
    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BeginLeg:
    """This owner's recording begins at `at_ms` of the session's time line."""

    at_ms: float
    wall_ms: float
    """In Unix time."""


@dataclass(frozen=True, slots=True)
class KeepClientSession:
    """Keep what the client has set, for an owner to come."""

    session: Body = field(repr=False)


@dataclass(frozen=True, slots=True)
class Book:
    """Write the running totals; answered by `QuotaRead`."""

    sequence: int
    totals: Totals
    pending_audio: int
    """Tokens in flight that no usage covers yet, in millionths."""


@dataclass(frozen=True, slots=True)
class Record:
    block: Block


@dataclass(frozen=True, slots=True)
class CallTool:
    """Run a tool on the server; answered by `ToolAnswered`, once, whatever becomes of it."""

    call_id: str
    name: str
    arguments: str = field(repr=False)
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True)
class CloseSocket:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The session is over for this owner: nothing comes after this.

    With the status `paused` or `in_progress` another may take it up.
    """

    status: Status
    reason: EndedReason | None
    """None for a pause."""
    duration_ms: float
    at_ms: float = 0.0
    """Where the session's time line stands."""


Command = (
    ToClient
    | Greet
    | ToEngine
    | KeepLine
    | BeginLeg
    | KeepClientSession
    | Book
    | Record
    | CallTool
    | CloseSocket
    | Finish
)
