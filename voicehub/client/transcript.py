"""The transcript as a client sees it grow: server events in, lines out. No clock, no IO."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

# Lines still remembered, for what comes late about them; the oldest is forgotten.
LINES_MAX = 256

Speaker = Literal["user", "agent"]
GROWS: dict[str, Speaker] = {
    "conversation.item.input_audio_transcription.delta": "user",
    "response.output_audio_transcript.delta": "agent",
    "response.output_text.delta": "agent",
}
FINISHES: dict[str, Speaker] = {
    "conversation.item.input_audio_transcription.completed": "user",
    "response.output_audio_transcript.done": "agent",
    "response.output_text.done": "agent",
}


@dataclass(slots=True)
class Line:
    """One utterance. `start_ms` is on the session's clock: where its speech begins."""

    speaker: Speaker
    item_id: str
    start_ms: float
    text: str = ""
    finished: bool = False
    interrupted: bool = False


class Transcript:
    def __init__(self) -> None:
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._prefix_padding_ms = 0.0
        self._began_ms = 0.0

    @property
    def lines(self) -> list[Line]:
        """In the order in which they were said."""
        return sorted(self._lines.values(), key=lambda line: line.start_ms)

    def feed(self, kind: str, body: dict[str, Any], at_ms: float) -> Line | None:
        """Take one server event that came at `at_ms`; returns the line that it changed, if any."""
        if kind in {"session.created", "session.updated"}:
            self._prefix_padding_ms = _prefix_padding_ms(body)
        elif kind == "input_audio_buffer.speech_started":
            start_ms = self._prefix_padding_ms
            if "audio_start_ms" in body:
                start_ms += body["audio_start_ms"] + self._began_ms
            else:
                start_ms += at_ms
            self._line("user", body["item_id"], start_ms)
        elif kind == "conversation.item.truncated":
            return self._interrupt(body["item_id"])
        elif speaker := GROWS.get(kind):
            return self._grow(speaker, body, at_ms)
        elif speaker := FINISHES.get(kind):
            return self._finish(speaker, body, at_ms)
        return None

    def begin_leg(self, at_ms: float) -> None:
        """Another engine hears the caller from `at_ms` on, and counts from there."""
        self._began_ms = at_ms

    def _grow(self, speaker: Speaker, body: dict[str, Any], at_ms: float) -> Line:
        line = self._line(speaker, body["item_id"], at_ms)
        line.text += body.get("delta", "")
        return line

    def _finish(self, speaker: Speaker, body: dict[str, Any], at_ms: float) -> Line:
        line = self._line(speaker, body["item_id"], at_ms)
        line.text = body["text"] if "text" in body else body["transcript"]
        line.finished = True
        return line

    def _interrupt(self, item_id: str) -> Line | None:
        line = self._lines.get(item_id)
        if line is not None:
            line.interrupted = True
        return line

    def _line(self, speaker: Speaker, item_id: str, start_ms: float) -> Line:
        line = self._lines.get(item_id)
        if line is None:
            line = self._lines[item_id] = Line(speaker, item_id, start_ms)
            if len(self._lines) > LINES_MAX:
                self._lines.popitem(last=False)
        return line


def _prefix_padding_ms(body: dict[str, Any]) -> float:
    # `audio_start_ms` includes the padding (the protocol's own words): the speech begins after it.
    audio = body.get("session", {}).get("audio") or {}
    turn_detection = (audio.get("input") or {}).get("turn_detection") or {}
    return float(turn_detection.get("prefix_padding_ms") or 0)
