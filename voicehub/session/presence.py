"""Whether a session's client is there, and how long the session lasts with and without it."""

from collections import deque

from voicehub.errors import ClientError
from voicehub.realtime.frame import Frame
from voicehub.session.ending import Ending
from voicehub.session.spec import Limits
from voicehub.session.state import EndedReason, Status

_NEVER = float("inf")


class Presence:
    """A client whose socket broke may come back for a grace time. What it misses of the agent's
    voice is kept here, to be heard then; the frames themselves wait in the outbox, whose limits
    hold for both.
    """

    def __init__(self, limits: Limits, now_ms: float) -> None:
        self._limits = limits
        self._opened_ms = self._heard_ms = now_ms
        self._absent_until_ms = _NEVER
        self._missed: deque[Frame] = deque()

    @property
    def is_absent(self) -> bool:
        return self._absent_until_ms != _NEVER

    @property
    def overdue_ms(self) -> float:
        """When the session ends by itself."""
        silent_ms = _NEVER if self.is_absent else self._heard_ms + self._limits.idle_ms
        return min(self._opened_ms + self._limits.duration_ms, silent_ms, self._absent_until_ms)

    def open(self, now_ms: float, active_ms: float = 0.0) -> float:
        """The session begins, or goes on after it was active for so long. Returns how long it may
        last from now on.
        """
        self._heard_ms = now_ms
        self._opened_ms = now_ms - active_ms
        return max(0.0, self._limits.duration_ms - active_ms)

    def hear(self, now_ms: float) -> None:
        """The client sent something."""
        self._heard_ms = now_ms

    def lose(self, now_ms: float) -> bool:
        """The client's socket broke. Returns whether it may come back."""
        if self._limits.grace_ms > 0 and not self.is_absent:
            self._absent_until_ms = now_ms + self._limits.grace_ms
        return self.is_absent

    def miss(self, frame: Frame) -> None:
        """Audio that waits for the client."""
        self._missed.append(frame)

    def regain(self, now_ms: float) -> list[Frame]:
        """The client is back. Returns the audio that it will hear now."""
        self._absent_until_ms = _NEVER
        self._heard_ms = now_ms
        missed = list(self._missed)
        self._missed.clear()
        return missed

    def ending(self, now_ms: float) -> Ending | None:
        """How the session ends, if it is overdue."""
        if now_ms >= self._opened_ms + self._limits.duration_ms:
            error = ClientError("The session hit its maximum duration.", code="session_expired")
            return Ending(Status.COMPLETED, EndedReason.MAX_DURATION, error, 1001)
        if now_ms >= self._absent_until_ms:
            return Ending(Status.COMPLETED, EndedReason.LOST)
        if not self.is_absent and now_ms >= self._heard_ms + self._limits.idle_ms:
            error = ClientError("The client sent nothing for too long.", code="session_idle")
            return Ending(Status.COMPLETED, EndedReason.IDLE, error, 1001)
        return None
