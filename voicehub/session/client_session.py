"""What a client has set of its session by `session.update`, for an engine that comes later."""

from collections import deque

from voicehub.realtime.frame import Body
from voicehub.session.spec import overlay

# Updates whose answer is awaited; a client that sends more without one loses the oldest here.
ASKED_MAX = 64


class ClientSession:
    def __init__(self, given: Body) -> None:
        self.given = given
        """All that took effect so far, as one session object."""
        self._asked: deque[Body] = deque(maxlen=ASKED_MAX)

    def ask(self, session: Body) -> None:
        """The client sends an update."""
        self._asked.append(session)

    def confirmed(self) -> bool:
        """The engine took the oldest. Returns whether that changed anything."""
        if not self._asked:
            return False
        before = self.given
        self.given = overlay(before, self._asked.popleft())
        return self.given != before

    def refused(self) -> None:
        """The engine sent an error, which names no event unless the client did: take it for the
        answer to the oldest.
        """
        if self._asked:
            self._asked.popleft()
