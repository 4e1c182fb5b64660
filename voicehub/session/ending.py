"""How a session ends for its owner: for good, for a pause, or for another owner to take up."""

from dataclasses import dataclass
from enum import Enum, auto

from voicehub.errors import ConflictError, VoiceHubError
from voicehub.session.state import EndedReason, Status


class Life(Enum):
    """An owner's life with a session; who holds the floor is the scribe's."""

    OPENING = auto()
    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """How the session is to end."""

    status: Status
    reason: EndedReason | None
    error: VoiceHubError | None = None
    close_code: int = 1000


# A client that knows of pauses keeps its socket instead.
PAUSE = Ending(
    Status.PAUSED,
    None,
    ConflictError("The session is paused; connect again to go on.", code="session_paused"),
)
