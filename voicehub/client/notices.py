"""What a voicehub.v1 server says beside the protocol: usage, the plan's end, its own going away."""

from dataclasses import dataclass
from typing import Any


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
    """The server ends the session when the turn does, or by then: connect again."""

    reason: str
    ends_within_ms: float


Notice = UsageUpdated | QuotaWarning | GoingAway


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
    return None


def _plan(body: dict[str, Any]) -> Plan:
    return Plan(body["left"], body["max"])
