"""Everything a session can ask of the shell; it carries them out in order."""

from dataclasses import dataclass, field
from typing import Any

from voicehub.audio.timeline import Block
from voicehub.realtime.frame import Frame
from voicehub.session.metering import Totals
from voicehub.session.state import EndedReason, Status


@dataclass(slots=True)
class ToClient:
    frame: Frame
    held: bool = False
    """Whether it waits until every line and booking before it is kept."""


@dataclass(slots=True)
class ToEngine:
    frame: Frame


@dataclass(frozen=True, slots=True)
class KeepLine:
    """Keep a transcript line; one with the `item_id` of an earlier line takes its place."""

    sequence: int
    line: dict[str, Any]


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
    """The session is over: nothing comes after this."""

    status: Status
    reason: EndedReason
    duration_ms: float


Command = ToClient | ToEngine | KeepLine | Book | Record | CallTool | CloseSocket | Finish
