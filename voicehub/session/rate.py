"""A token bucket on the session's own time."""


class Bucket:
    """Allows `per_s` in the long run and `burst` at once."""

    def __init__(self, per_s: float, burst: float, now_ms: float) -> None:
        self._per_ms = per_s / 1000
        self._burst = burst
        self._left = burst
        self._at_ms = now_ms

    def take(self, now_ms: float) -> bool:
        """Whether one more is allowed at `now_ms`."""
        self._left = min(self._burst, self._left + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        if self._left < 1:
            return False
        self._left -= 1
        return True
