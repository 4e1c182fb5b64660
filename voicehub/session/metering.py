"""Token arithmetic of one session, in millionths of a token, so that nothing rounds."""

from dataclasses import dataclass, field, replace
from typing import Any

from voicehub.realtime.tokens import AGENT_MS_PER_TOKEN, USER_MS_PER_TOKEN

MILLION = 1_000_000
# No response of any model comes near; more is an engine's mistake and must not poison a bill.
TOKENS_MAX = 1_000_000_000

# A `usage` object of the protocol: open-ended JSON.
Usage = dict[str, Any]


def _count(usage: Usage | None, *path: str) -> int:
    value: Any = usage
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return min(max(value, 0), TOKENS_MAX) if type(value) is int else 0


@dataclass(slots=True)
class Sides:
    """Whole tokens of one direction."""

    audio: int = 0
    text: int = 0

    def as_json(self) -> dict[str, int]:
        return {"audio_tokens": self.audio, "text_tokens": self.text}

    @classmethod
    def from_json(cls, given: Usage | None) -> "Sides":
        return cls(_count(given, "audio_tokens"), _count(given, "text_tokens"))


@dataclass(slots=True)
class Totals:
    """What a session used so far. `audio` and `text` are what is billed, in millionths."""

    audio: int = 0
    text: int = 0
    responses: int = 0
    input: Sides = field(default_factory=Sides)
    output: Sides = field(default_factory=Sides)
    cached: Sides = field(default_factory=Sides)
    transcription: Sides = field(default_factory=Sides)
    transcription_seconds: float = 0.0
    user_audio_ms: float = 0.0
    agent_audio_ms: float = 0.0
    active_ms: float = 0.0
    """In progress, with a client: pauses and the time without a connection do not count."""

    def as_json(self) -> dict[str, Any]:
        """`sessions.usage`."""
        return {
            "audio_tokens": tokens(self.audio),
            "text_tokens": tokens(self.text),
            "input": self.input.as_json(),
            "output": self.output.as_json(),
            "cached": self.cached.as_json(),
            "transcription": {
                **self.transcription.as_json(),
                "seconds": round(self.transcription_seconds, 3),
            },
            "responses": self.responses,
            "user_audio_seconds": round(self.user_audio_ms / 1000, 3),
            "agent_audio_seconds": round(self.agent_audio_ms / 1000, 3),
            "active_seconds": round(self.active_ms / 1000, 3),
        }

    def copy(self) -> "Totals":
        """Additions to one do not change the other."""
        # A tenth of what deepcopy takes, and this runs each second of every session.
        return replace(
            self,
            input=replace(self.input),
            output=replace(self.output),
            cached=replace(self.cached),
            transcription=replace(self.transcription),
        )

    @classmethod
    def from_json(cls, usage: Usage) -> "Totals":
        """The inverse of `as_json`; what a row does not have is zero."""
        transcription = usage.get("transcription") or {}
        return cls(
            audio=millionths(usage.get("audio_tokens", 0)),
            text=millionths(usage.get("text_tokens", 0)),
            responses=_count(usage, "responses"),
            input=Sides.from_json(usage.get("input")),
            output=Sides.from_json(usage.get("output")),
            cached=Sides.from_json(usage.get("cached")),
            transcription=Sides.from_json(transcription),
            transcription_seconds=transcription.get("seconds", 0.0),
            user_audio_ms=usage.get("user_audio_seconds", 0.0) * 1000,
            agent_audio_ms=usage.get("agent_audio_seconds", 0.0) * 1000,
            active_ms=usage.get("active_seconds", 0.0) * 1000,
        )


def tokens(millionths: int) -> int | float:
    """Millionths as the number of tokens that JSON shows: whole where it is whole."""
    return millionths // MILLION if millionths % MILLION == 0 else millionths / MILLION


def millionths(amount: float) -> int:
    """The inverse of `tokens`; exact up to 2^50 millionths, a billion tokens."""
    return round(amount * MILLION)


class Meter:
    """Adds up usage: the engine's own figures, or durations where it has none."""

    def __init__(
        self, cached_weight_millionths: int = MILLION, totals: Totals | None = None
    ) -> None:
        """`totals` is what earlier owners of the session have counted."""
        self.totals = totals or Totals()
        self._cached_weight = cached_weight_millionths
        self._pending_user_ms = 0.0
        self._pending_agent_ms: dict[str, float] = {}

    @property
    def pending_audio(self) -> int:
        """Audio in flight that no usage covers yet, as duration tokens in millionths."""
        agent_ms = sum(self._pending_agent_ms.values())
        return round(
            (self._pending_user_ms / USER_MS_PER_TOKEN + agent_ms / AGENT_MS_PER_TOKEN) * MILLION
        )

    def hear_user(self, duration_ms: float) -> None:
        """The caller's audio came."""
        self.totals.user_audio_ms += duration_ms

    def speech(self, duration_ms: float) -> None:
        """The caller's audio became part of the conversation, and will be some response's input."""
        self._pending_user_ms += duration_ms

    def hear_agent(self, response_id: str, duration_ms: float) -> None:
        """The agent's audio came."""
        self.totals.agent_audio_ms += duration_ms
        self._pending_agent_ms[response_id] = (
            self._pending_agent_ms.get(response_id, 0.0) + duration_ms
        )

    def take_pending(self, response_id: str) -> tuple[float, float]:
        """The audio that the end of `response_id` covers, in ms: the caller's, the agent's."""
        user_ms, self._pending_user_ms = self._pending_user_ms, 0.0
        return user_ms, self._pending_agent_ms.pop(response_id, 0.0)

    def drop_pending(self) -> None:
        """Nothing is in flight any more: what no usage covered is not billed."""
        self._pending_user_ms = 0.0
        self._pending_agent_ms.clear()

    def snapshot(self) -> Totals:
        """The totals as they are now; later additions do not change it."""
        return self.totals.copy()

    def add_response(self, usage: Usage) -> None:
        """Add one response's `usage`. Cached tokens are part of the input, not beside it."""
        given = "input_token_details"
        taken = "output_token_details"
        audio_in = _count(usage, given, "audio_tokens")
        # Images are billed as text; a total without details is text as well.
        text_in = max(_count(usage, "input_tokens") - audio_in, _count(usage, given, "text_tokens"))
        audio_out = _count(usage, taken, "audio_tokens")
        text_out = max(
            _count(usage, "output_tokens") - audio_out, _count(usage, taken, "text_tokens")
        )
        audio_cached = min(audio_in, _count(usage, given, "cached_tokens_details", "audio_tokens"))
        text_cached = min(text_in, max(0, _count(usage, given, "cached_tokens") - audio_cached))
        totals = self.totals
        totals.responses += 1
        totals.input.audio += audio_in
        totals.input.text += text_in
        totals.output.audio += audio_out
        totals.output.text += text_out
        totals.cached.audio += audio_cached
        totals.cached.text += text_cached
        totals.audio += (audio_in + audio_out - audio_cached) * MILLION
        totals.text += (text_in + text_out - text_cached) * MILLION
        totals.audio += audio_cached * self._cached_weight
        totals.text += text_cached * self._cached_weight

    def add_transcription(self, usage: Usage) -> None:
        """Add a transcription's `usage`: tokens are billed besides the response's, seconds not."""
        if usage.get("type") == "tokens":
            audio = _count(usage, "input_token_details", "audio_tokens")
            text = max(0, _count(usage, "total_tokens") - audio)
            self.totals.transcription.audio += audio
            self.totals.transcription.text += text
            self.totals.audio += audio * MILLION
            self.totals.text += text * MILLION
        seconds = usage.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return
        if 0 <= seconds <= TOKENS_MAX:
            self.totals.transcription_seconds += seconds
