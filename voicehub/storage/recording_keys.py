"""The keys under which Spaces has what was recorded of a session."""

import re

# Where all recordings lie.
RECORDINGS = "recordings/"
# At most as many digits as a bigint has for certain.
_SESSION_KEY = re.compile(rf"{RECORDINGS}team-(\d{{1,18}})/session-(\d{{1,18}})-")


def session_prefix(team_id: int, session_id: int) -> str:
    """How the key of everything begins that Spaces has of a session."""
    return f"{RECORDINGS}team-{team_id}/session-{session_id}-"


def session_of(key: str) -> tuple[int, int] | None:
    """The team and the session whose key it is."""
    found = _SESSION_KEY.match(key)
    return (int(found[1]), int(found[2])) if found else None
