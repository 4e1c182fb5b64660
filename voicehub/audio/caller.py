"""The caller's side of the recording: chunks as they arrive, on the sample clock."""

from collections import deque

import numpy as np
import numpy.typing as npt

from voicehub.audio.clock import SAMPLES_PER_MS, SampleClock

Samples = npt.NDArray[np.int16]

# A chunk later than this was held up on the network, or follows a time when the caller sent
# nothing (mute, push-to-talk). Which of the two shows within HOLD_MS: held-up audio catches up.
LATE_MS = 80
HOLD_MS = 1_000
# Anchors map the engine's count of input to positions; one is added a gap. Old ones are forgotten.
ANCHORS_MAX = 64


class CallerTrack:
    """Left channel. Audio is contiguous while it comes steadily; real gaps become silence."""

    def __init__(self, clock: SampleClock) -> None:
        self._clock = clock
        self._placed: deque[tuple[int, Samples]] = deque()
        self._held: list[tuple[float, Samples]] = []
        self._held_samples = 0
        self._least_lag = float("inf")
        self._end = 0
        self._started = False
        self._received = 0
        # (received samples, position of the first sample after them)
        self._anchors: deque[tuple[int, int]] = deque([(0, 0)], maxlen=ANCHORS_MAX)

    @property
    def end(self) -> int:
        """The position up to which the caller's audio is known."""
        return self._end + self._held_samples

    def add(self, chunk: Samples, now_ms: float) -> None:
        """Lay `chunk`, which arrived at `now_ms`."""
        if not self._started:
            self._started = True
            self._jump(max(self._end, self._clock.position(now_ms) - len(chunk)))
        lag = self._clock.lag(self.end + len(chunk), now_ms)
        if self._held or lag > LATE_MS * SAMPLES_PER_MS:
            self._hold(chunk, now_ms, lag)
        else:
            self._place(chunk)
            self._clock.arrived(self._end, now_ms)

    def settle(self, now_ms: float) -> None:
        """Decide about held chunks whose time is up."""
        if self._held and now_ms - self._held[0][0] >= HOLD_MS:
            self._release(gap=max(0, round(self._least_lag)))

    def position_of(self, received: int) -> int:
        """Where the `received`-th sample of all the caller's audio stands."""
        for count, position in reversed(self._anchors):
            if count <= received:
                return position + received - count
        return self._anchors[0][1]

    @property
    def received(self) -> int:
        """Samples that the caller has sent in all."""
        return self._received

    def write_into(self, out: Samples, start: int) -> None:
        """Copy what stands from `start` on into `out`, and forget it; what follows comes after."""
        stop = start + len(out)
        while self._placed and self._placed[0][0] < stop:
            position, chunk = self._placed.popleft()
            if position + len(chunk) > stop:
                self._placed.appendleft((stop, chunk[stop - position :]))
                chunk = chunk[: stop - position]
            out[position - start : position - start + len(chunk)] = chunk
        if self._end < stop:
            self._jump(stop)

    def _hold(self, chunk: Samples, now_ms: float, lag: float) -> None:
        self._held.append((now_ms, chunk))
        self._held_samples += len(chunk)
        self._least_lag = min(self._least_lag, lag)
        if lag <= LATE_MS * SAMPLES_PER_MS:
            self._release(gap=0)
        else:
            self.settle(now_ms)

    def _release(self, gap: int) -> None:
        if gap:
            self._jump(self._end + gap)
        held, self._held = self._held, []
        self._held_samples = 0
        self._least_lag = float("inf")
        for arrived_ms, chunk in held:
            self._place(chunk)
            if gap and arrived_ms == held[0][0]:
                self._clock.restart(self._end, arrived_ms)
            else:
                self._clock.arrived(self._end, arrived_ms)

    def _place(self, chunk: Samples) -> None:
        self._placed.append((self._end, chunk))
        self._end += len(chunk)
        self._received += len(chunk)

    def _jump(self, position: int) -> None:
        if position != self._end:
            self._end = position
            self._anchors.append((self._received, position))
