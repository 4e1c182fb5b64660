"""Where the time went between the end of the caller's speech and the first audio of the reply."""

from dataclasses import dataclass


@dataclass(slots=True)
class Latency:
    """Moments of one turn, each set when it has come; all in the time of `now_ms`."""

    silence_ms: float | None = None
    """The silence that turn detection waited for; None where the client ended the turn."""
    stopped_at_ms: float | None = None
    asked_at_ms: float | None = None
    text_at_ms: float | None = None
    audio_at_ms: float | None = None

    def as_ga(self) -> dict[str, int] | None:
        """The parts in ms; None before the first audio, or where no speech was answered."""
        stopped, asked, text, audio = (
            self.stopped_at_ms,
            self.asked_at_ms,
            self.text_at_ms,
            self.audio_at_ms,
        )
        if stopped is None or asked is None or text is None or audio is None:
            return None
        silence = self.silence_ms or 0.0
        parts = {
            "vad_silence": silence,
            "speech_to_text": asked - stopped,
            "reply": text - asked,
            "first_synthesis": audio - text,
            "total": silence + audio - stopped,
        }
        return {name: round(value) for name, value in parts.items()}
