"""The session's sample clock: when a moment of the server's time stands in the recording.

The caller's own samples are the clock while they come steadily, so that a device whose crystal is a
little fast or slow stays whole; the server's time bridges the gaps. A chunk never arrives before
it was spoken, so the smallest delay of the last seconds is the truth and the rest is jitter.
"""

SAMPLES_PER_MS = 24
# How long a smallest delay counts. At 100 ppm a device drifts 1 ms in this time.
WINDOW_MS = 5_000
# No crystal is as far off as this. A delay that grows faster is silence of the caller's or a slow
# network, never drift: the clock does not follow it, or a mute too short to show would be lost.
DRIFT_PPM_MAX = 500


class SampleClock:
    """Maps `now_ms` to a position in samples of 24 kHz. Positions begin at 0 with `start_ms`."""

    def __init__(self, start_ms: float) -> None:
        self._base = start_ms * SAMPLES_PER_MS
        self._window_min = float("inf")
        self._last_window_min = float("inf")
        self._window_end_ms = start_ms + WINDOW_MS
        self._arrived_ms = start_ms

    def position(self, now_ms: float) -> int:
        """The sample that is being spoken and heard at `now_ms`."""
        return max(0, round(now_ms * SAMPLES_PER_MS - self._base))

    def lag(self, end: int, now_ms: float) -> float:
        """By how many samples a chunk that ends at `end` and arrives at `now_ms` is late."""
        return now_ms * SAMPLES_PER_MS - end - self._base

    def arrived(self, end: int, now_ms: float) -> None:
        """The caller's audio up to sample `end` arrived at `now_ms`; the clock follows it."""
        offset = now_ms * SAMPLES_PER_MS - end
        if now_ms >= self._window_end_ms:
            self._last_window_min = self._window_min
            self._window_min = float("inf")
            self._window_end_ms = now_ms + WINDOW_MS
        self._window_min = min(self._window_min, offset)
        drift_max = (now_ms - self._arrived_ms) * SAMPLES_PER_MS * DRIFT_PPM_MAX / 1_000_000
        self._arrived_ms = now_ms
        self._base = min(self._window_min, self._last_window_min, self._base + drift_max)
