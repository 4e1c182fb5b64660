"""Where the caller's speech begins and ends, from one probability per 32 ms window."""

from enum import Enum, auto

from voicehub.engines.local.events import WINDOW_MS

# Speech has begun after this much above the threshold: clicks are shorter.
START_MS = 64
# A pause this long is most often the end: transcription begins on the chance that it is.
PAUSE_MS = 192
# Speech goes on until the probability falls this far below the threshold (hysteresis).
END_MARGIN = 0.15
# Weak onsets score low at first: speech is dated back over windows above this margin. Measured on
# twelve onsets: 0.3 dates them up to 84 ms late (once 174), 0.4 within 32 ms.
ONSET_MARGIN = 0.4
ONSET_MS_MAX = 384


class Floor(Enum):
    QUIET = auto()
    STARTING = auto()
    SPEAKING = auto()
    STOPPING = auto()


class Change(Enum):
    STARTED = auto()
    PAUSED = auto()
    """Silent for PAUSE_MS: the turn may be over."""
    RESUMED = auto()
    """Speech went on after PAUSED."""
    STOPPED = auto()


class TurnDetector:
    """Counts windows only, so it works at any replay speed."""

    def __init__(self, threshold: float, silence_ms: int) -> None:
        self.floor = Floor.QUIET
        self.onset_windows = 0
        """How many windows ago speech began, the newest included; right when STARTED is given."""
        self.silence_ms = 0
        """How long it has been silent within the turn; at STOPPED, the silence that ended it."""
        self._voiced_ms = 0
        self._paused = False
        self.configure(threshold, silence_ms)

    def configure(self, threshold: float, silence_ms: int) -> None:
        """New settings, also in the middle of a turn."""
        self._threshold = threshold
        self._end_threshold = max(threshold - END_MARGIN, 0.01)
        self._onset_threshold = max(threshold - ONSET_MARGIN, 0.05)
        self._silence_ms_max = max(silence_ms, WINDOW_MS)

    def reset(self) -> None:
        """The turn was ended from outside."""
        self.floor = Floor.QUIET
        self.onset_windows = self._voiced_ms = 0
        self._paused = False

    def push(self, probability: float) -> Change | None:
        """The next window."""
        if self.floor in {Floor.QUIET, Floor.STARTING}:
            return self._before_speech(probability)
        return self._within_speech(probability)

    def _before_speech(self, probability: float) -> Change | None:
        if probability < self._onset_threshold:
            self.onset_windows = 0
        elif self.onset_windows * WINDOW_MS < ONSET_MS_MAX:
            self.onset_windows += 1
        if probability < self._threshold:
            self._voiced_ms = 0
            self.floor = Floor.QUIET
            return None
        self._voiced_ms += WINDOW_MS
        if self._voiced_ms < START_MS:
            self.floor = Floor.STARTING
            return None
        self.floor = Floor.SPEAKING
        self.silence_ms = self._voiced_ms = 0
        self._paused = False
        return Change.STARTED

    def _within_speech(self, probability: float) -> Change | None:
        if probability >= self._end_threshold:
            self.floor = Floor.SPEAKING
            self.silence_ms = 0
            resumed, self._paused = self._paused, False
            return Change.RESUMED if resumed else None
        self.floor = Floor.STOPPING
        self.silence_ms += WINDOW_MS
        if self.silence_ms >= self._silence_ms_max:
            self.reset()
            return Change.STOPPED
        if self.silence_ms >= PAUSE_MS and not self._paused:
            self._paused = True
            return Change.PAUSED
        return None
