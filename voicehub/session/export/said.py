"""A line of a transcript as every format wants it: who, what, and where on the session's time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# What a speaker is called where a format wants a name.
NAMES = {"user": "User", "agent": "Agent"}


@dataclass(frozen=True, slots=True)
class Said:
    """Attributes:
    speaker: `user` or `agent`.
    text: on one line, with single spaces: in most formats an empty line ends a text.
    start_ms: from the session's beginning, which is that of its recording.
    timestamp: ISO-8601 of the start, or None where nobody has written it down.
    """

    speaker: str
    text: str
    start_ms: int
    end_ms: int
    timestamp: str | None

    @property
    def name(self) -> str:
        return NAMES.get(self.speaker, NAMES["agent"])


def said(lines: Iterable[dict[str, Any]]) -> list[Said]:  # Any: lines are JSON
    """The lines of `sessions.data.transcript` that have words, in their order."""
    found = (_said(line) for line in lines)
    return [each for each in found if each.text]


def _said(line: dict[str, Any]) -> Said:
    start_ms = _position(line.get("start_ms"))
    return Said(
        speaker=str(line.get("speaker", "agent")),
        text=" ".join(str(line.get("transcript") or "").split()),
        start_ms=start_ms,
        end_ms=max(start_ms, _position(line.get("end_ms"))),
        timestamp=line.get("timestamp"),
    )


def _position(value: Any) -> int:
    return max(0, round(value)) if isinstance(value, int | float) else 0


def clock(position_ms: int, separator: str = ".") -> str:
    """`01:02:03.004`; the hours have as many digits as they need."""
    seconds, ms = divmod(position_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{ms:03}"
