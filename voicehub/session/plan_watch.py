"""Tells a voicehub.v1 client what its session used, and in time that the plan comes to its end."""

from dataclasses import dataclass
from typing import Any

from voicehub.session.events import QuotaRead
from voicehub.session.metering import Totals, tokens

# Told once each for either kind of token, and only the highest of those reached together.
WARN_PERCENT = (80, 95)

# The type of a server event, and its fields beside `type` and `event_id`.
Told = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    left: int
    plan_max: int

    def reached(self, percent: int) -> bool:
        return self.plan_max > 0 and (self.plan_max - self.left) * 100 >= percent * self.plan_max

    def as_json(self) -> dict[str, int | float]:
        return {"left": tokens(max(0, self.left)), "max": tokens(self.plan_max)}


class PlanWatch:
    """One per session. What the team's other sessions use counts as well."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._of_response: int | None = None
        self._warned: dict[str, int] = {}

    def booked(self, sequence: int, totals: Totals, *, of_response: bool) -> None:
        """Booking `sequence` was asked for; `of_response`: it holds the usage of one."""
        self._totals = totals
        if of_response:
            self._of_response = sequence

    def read(self, reading: QuotaRead) -> list[Told]:
        """What the client is told once a booking was counted."""
        kinds = (
            _Kind("audio_tokens", reading.audio, reading.audio_max),
            _Kind("text_tokens", reading.text, reading.text_max),
        )
        told: list[Told] = []
        if self._of_response is not None and reading.sequence >= self._of_response:
            self._of_response = None
            plan = {kind.name: kind.as_json() for kind in kinds}
            told.append(("voicehub.usage.updated", {"usage": self._totals.as_json(), "plan": plan}))
        for kind in kinds:
            reached = max((each for each in WARN_PERCENT if kind.reached(each)), default=0)
            if reached > self._warned.get(kind.name, 0):
                self._warned[kind.name] = reached
                fields = {"kind": kind.name, "percent": reached, **kind.as_json()}
                told.append(("voicehub.quota.warning", fields))
        return told
