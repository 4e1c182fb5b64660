"""A session that goes on under a new owner: what it brings along."""

from dataclasses import dataclass, field

from voicehub.realtime.frame import Body
from voicehub.session.metering import Totals
from voicehub.session.state import Status
from voicehub.session.transcript import Line


@dataclass(frozen=True, slots=True)
class Resumption:
    """What earlier owners of a session have left of it."""

    lines: tuple[Line, ...] = field(repr=False)
    """The transcript, in the conversation's order."""
    sequence: int
    """The last line's sequence number, folded or not."""
    totals: Totals
    at_ms: float
    """Where the session's time line stood."""
    wall_ms: float | None
    """When that was, in Unix time, if the clock has run on since; None after a pause."""
    client_session: Body = field(default_factory=dict, repr=False)
    """What the client had set by `session.update`."""

    @property
    def status(self) -> Status:
        """What it was before its new owner came."""
        return Status.PAUSED if self.wall_ms is None else Status.IN_PROGRESS

    def position_ms(self, wall_ms: float) -> float:
        """Where the time line stands at `wall_ms` of Unix time, if the session goes on then."""
        if self.wall_ms is None:
            return self.at_ms
        return self.at_ms + max(0.0, wall_ms - self.wall_ms)

    @property
    def last_order(self) -> float:
        """The place of the last line; what is said next comes after it."""
        return max((line["order"] for line in self.lines), default=0.0)
