"""Which events of a new socket came over the one before: a server sends again what it cannot know
to have arrived.
"""

from collections import deque

from voicehub.client.places import Body

# Events that are remembered; an older one that came again would be taken for new.
REMEMBERED_MAX = 1_024


class Repeats:
    """Ids alone do not tell: an engine may count them, and begin anew. So an event is a repeat when
    it is one of the last that came, and only until something new comes: what is sent again is
    sent first.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[str, str]] = deque(maxlen=REMEMBERED_MAX)
        self._replaying = False

    @property
    def last_event_id(self) -> str | None:
        return self._seen[-1][0] if self._seen else None

    def expect(self) -> None:
        """Another socket goes on where the last one broke."""
        self._replaying = True

    def is_repeat(self, body: Body) -> bool:
        """Whether the event has come before; if not, it is remembered."""
        name = _name(body)
        if name is None:  # binary audio, which its place within the item tells apart
            return False
        if self._replaying and name in self._seen:
            return True
        # The greeting is new, and comes before what is sent again.
        self._replaying = self._replaying and body["type"] == "session.created"
        self._seen.append(name)
        return False


def _name(body: Body) -> tuple[str, str] | None:
    event_id = body.get("event_id")
    return (event_id, body["type"]) if isinstance(event_id, str) else None
