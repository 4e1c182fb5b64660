"""Notes how long the answers of an engine take, and makes each response a span of the trace."""

from collections.abc import Callable
from time import perf_counter

from voicehub.realtime.frame import Frame, as_object
from voicehub.telemetry.telemetry import Telemetry
from voicehub.telemetry.tracing import Span

_AUDIO = "response.output_audio.delta"
# Of an engine that begins responses and never ends them, the oldest is forgotten.
RESPONSES_MAX = 64
# What the GA protocol has for the end of a response; an engine's own words are not counted apart.
_STATUSES = frozenset({"completed", "cancelled", "incomplete", "failed"})


class Turns:
    """One per leg, told of every frame of its engine. Most of them are audio of a response that has
    begun to sound: they cost a comparison and a look into a small dictionary.
    """

    def __init__(self, telemetry: Telemetry, now_s: Callable[[], float] = perf_counter) -> None:
        self._telemetry = telemetry
        self._now_s = now_s
        self._turn_ended_s: float | None = None
        # One at a time, but for those out of band: the silent ones, by their id.
        self._silent: dict[str, float] = {}
        self._spans: dict[str, Span] = {}

    def engine_sent(self, frame: Frame) -> None:
        kind = frame.type
        if kind == _AUDIO:
            if self._silent:
                self._sounds(frame)
        elif kind in {"input_audio_buffer.speech_stopped", "input_audio_buffer.committed"}:
            # Both where the engine detects turns: the first is the end of the speech.
            if self._turn_ended_s is None:
                self._turn_ended_s = self._now_s()
        elif kind == "response.created":
            self._begin(_id_of(frame))
        elif kind == "response.done":
            self._end(frame)

    def close(self) -> None:
        """The leg is over; responses that go on belong to whoever comes next."""
        for span in self._spans.values():
            span.end()
        self._spans.clear()

    def _begin(self, response_id: str) -> None:
        if len(self._spans) >= RESPONSES_MAX:
            oldest = next(iter(self._spans))
            self._silent.pop(oldest, None)
            self._spans.pop(oldest).end()
        self._silent[response_id] = self._now_s()
        self._spans[response_id] = self._telemetry.tracing.begin(
            "response", {"voicehub.response.id": response_id}
        )

    def _sounds(self, frame: Frame) -> None:
        began_s = self._silent.pop(str(frame.body.get("response_id")), None)
        if began_s is None:
            return
        now_s = self._now_s()
        self._telemetry.first_audio.observe(seconds=now_s - began_s)
        if self._turn_ended_s is not None:
            self._telemetry.turns.observe(seconds=now_s - self._turn_ended_s)
            self._turn_ended_s = None

    def _end(self, frame: Frame) -> None:
        response_id = _id_of(frame)
        self._silent.pop(response_id, None)
        # A turn that was answered without audio, or not at all, is no measure of the next one.
        self._turn_ended_s = None
        given = as_object(frame.body.get("response")).get("status")
        status = given if given in _STATUSES else "unknown"
        self._telemetry.responses.add(status)
        span = self._spans.pop(response_id, None)
        if span is not None:
            span.note({"voicehub.response.status": status})
            if status == "failed":
                span.fail("response_failed")
            span.end()


def _id_of(frame: Frame) -> str:
    return str(as_object(frame.body.get("response")).get("id"))
