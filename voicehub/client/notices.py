"""What is said beside the protocol: by a voicehub.v1 server of the plan, of pauses and of its own
going away, and by this client of its connection.
"""

from dataclasses import dataclass
from typing import Any

from voicehub.realtime.extension import PAUSED, RESUMED


@dataclass(frozen=True, slots=True)
class Plan:
    """Tokens of one kind: what the team may use, and what it has left of it."""

    left: float
    max: float


@dataclass(frozen=True, slots=True)
class UsageUpdated:
    """A response was counted. `usage` is the whole session's, shaped as `sessions.usage` is."""

    usage: dict[str, Any]
    audio_tokens: Plan
    text_tokens: Plan


@dataclass(frozen=True, slots=True)
class QuotaWarning:
    """So many per cent of the plan's `audio_tokens` or `text_tokens` are used up."""

    kind: str
    percent: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The server leaves the session when the turn ends, or by then; the client comes back."""

    reason: str
    ends_within_ms: float


@dataclass(frozen=True, slots=True)
class Paused:
    """The session stands still, at this place of its time line, until it is resumed."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """A session that was paused goes on."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection broke (1006), or the server sent the client elsewhere (1012)."""

    close_code: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The session goes on. `is_continued`: at the owner that it had, and so does a reply that was
    under way; otherwise that is gone.
    """

    resumed_after_s: float
    is_continued: bool


Notice = UsageUpdated | QuotaWarning | GoingAway | Paused | Resumed | Lost | Reconnected


def notice_of(body: dict[str, Any]) -> Notice | None:
    """The notice that a server event is, or None."""
    kind = body["type"]
    if kind == "voicehub.usage.updated":
        audio, text = (_plan(body["plan"][name]) for name in ("audio_tokens", "text_tokens"))
        return UsageUpdated(body["usage"], audio, text)
    if kind == "voicehub.quota.warning":
        return QuotaWarning(body["kind"], body["percent"], _plan(body))
    if kind == "voicehub.session.going_away":
        return GoingAway(body["reason"], body["ends_within_ms"])
    if kind == PAUSED:
        return Paused(body["at_ms"])
    if kind == RESUMED:
        return Resumed()
    return None


def _plan(body: dict[str, Any]) -> Plan:
    return Plan(body["left"], body["max"])
