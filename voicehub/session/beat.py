"""The beat that all sessions of a process share."""

# What falls due on it goes to a thread or a store together. Short, so that many sessions are not
# all on the same one.
BEAT_MS = 25


def beat(now_ms: float) -> float:
    """The last beat before `now_ms`."""
    return now_ms // BEAT_MS * BEAT_MS
