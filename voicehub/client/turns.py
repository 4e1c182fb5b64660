"""What a conversation gives its caller: events, what was said, and the replies to it."""

from dataclasses import dataclass
from typing import Any

from voicehub.client.speaker import Cut


@dataclass(frozen=True, slots=True)
class Event:
    """One server event without its audio. `at_ms` is when it came, on the conversation's clock."""

    number: int
    type: str
    body: dict[str, Any]
    at_ms: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Where the caller's clip stood on the conversation's clock."""

    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Reply:
    """The agent's turn, from its `response.done`."""

    response: dict[str, Any]
    first_audio_at_ms: float | None

    @property
    def status(self) -> str:
        return str(self.response["status"])

    @property
    def usage(self) -> dict[str, Any]:
        return self.response.get("usage") or {}

    @property
    def latency_ms(self) -> dict[str, float]:
        """The parts of the answer's delay, where the engine tells them."""
        return dict((self.response.get("voicehub") or {}).get("latency_ms") or {})


@dataclass(frozen=True, slots=True)
class Interruption:
    """A barge-in: what was cut, when on the conversation's clock, and the clip that did it.

    The reply to that clip is one that begins after event `since`.
    """

    cut: Cut
    cut_at_ms: float
    utterance: Utterance
    since: int
