"""The caller's side of the recording: chunks as they arrive, on the sample clock."""

from collections import deque

import numpy as np
import numpy.typing as npt

from voicehub.audio.clock import SAMPLES_PER_MS, SampleClock

Samples = npt.NDArray[np.int16]

# A chunk later than this was held up on the network, or follows a time when the caller sent
# nothing (mute, push-to-talk). Which of the two shows within HOLD_MS: held-up audio catches up.
LATE_MS = 20
HOLD_MS = 1_000
# No network that a conversation bears is unsteady by more: what stays later was not sent at all.
JITTER_MS_MAX = 450
# A smaller gap must show as a step: that many chunks are late, alike to this share of the delay.
STEP_CHUNKS_MIN = 8
STEP_UNSTEADY_MAX = 0.25
# A chunk begins to be spoken its own length before it arrives; longer ones are no conversation.
CHUNK_MS_MAX = 1_000
# Anchors map the engine's count of input to positions; one is added a gap. Old ones are forgotten.
ANCHORS_MAX = 64


class CallerTrack:
    """Left channel. Audio is contiguous while it comes steadily; real gaps become silence."""

    def __init__(self, clock: SampleClock) -> None:
        self._clock = clock
        self._placed: deque[tuple[int, Samples]] = deque()
        # With the time of arrival. At most what arrives within HOLD_MS; then it is placed.
        self._held: list[tuple[float, Samples]] = []
        self._held_samples = 0
        self._lag_min = self._lag_max = self._lag_last = 0.0
        self._chunk_samples = 0
        self._end = 0
        self._started = False
        self._received = 0
        # (received samples, position of the first sample after them)
        self._anchors: deque[tuple[int, int]] = deque([(0, 0)], maxlen=ANCHORS_MAX)

    @property
    def end(self) -> int:
        """The position up to which the caller's audio is known."""
        return self._end + self._held_samples

    @property
    def received(self) -> int:
        """Samples that the caller has sent in all."""
        return self._received + self._held_samples

    def add(self, chunk: Samples, now_ms: float) -> None:
        """Lay `chunk`, which arrived at `now_ms`."""
        if not self._started:
            self._started = True
            self._jump(max(self._end, self._clock.position(now_ms) - len(chunk)))
        self._chunk_samples = len(chunk)
        lag = self._clock.lag(self.end + len(chunk), now_ms)
        if self._held and lag > LATE_MS * SAMPLES_PER_MS:
            stepped = lag - self._lag_last > JITTER_MS_MAX * SAMPLES_PER_MS
            if stepped or self._time_is_up(now_ms):
                self._release(self._gap())
                lag = self._clock.lag(self._end + len(chunk), now_ms)
        if lag > LATE_MS * SAMPLES_PER_MS:
            self._hold(chunk, now_ms, lag)
        else:
            self._release(gap=0)
            self._place(chunk, now_ms)

    def settle(self, now_ms: float) -> None:
        """Decide about held chunks whose time is up."""
        if self._held and self._time_is_up(now_ms):
            self._release(self._gap())

    def settled_until(self, position: int) -> int:
        """How much of what lies before `position` no chunk can change that arrives on time."""
        position -= min(self._chunk_samples, CHUNK_MS_MAX * SAMPLES_PER_MS)
        return min(position, self._end) if self._held else position

    def position_of(self, received: int) -> int:
        """Where the `received`-th sample of all the caller's audio stands, as far as is known."""
        if self._held and received >= self._received:
            return self._end + self._gap() + received - self._received
        for count, position in reversed(self._anchors):
            if count <= received:
                return position + received - count
        return self._anchors[0][1]

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

    def _time_is_up(self, now_ms: float) -> bool:
        return now_ms - self._held[0][0] >= HOLD_MS

    def _hold(self, chunk: Samples, now_ms: float, lag: float) -> None:
        self._lag_min = min(self._lag_min, lag) if self._held else lag
        self._lag_max = max(self._lag_max, lag) if self._held else lag
        self._lag_last = lag
        self._held.append((now_ms, chunk))
        self._held_samples += len(chunk)

    def _gap(self) -> int:
        """The silence before what is held, as it shows so far; 0 while it may be the network's."""
        stepped = (
            len(self._held) >= STEP_CHUNKS_MIN
            and self._lag_max - self._lag_min <= self._lag_min * STEP_UNSTEADY_MAX
        )
        if stepped or self._lag_min > JITTER_MS_MAX * SAMPLES_PER_MS:
            return round(self._lag_min)
        return 0

    def _release(self, gap: int) -> None:
        if gap:
            self._jump(self._end + gap)
        held, self._held = self._held, []
        self._held_samples = 0
        for arrived_ms, chunk in held:
            self._place(chunk, arrived_ms)

    def _place(self, chunk: Samples, arrived_ms: float) -> None:
        self._placed.append((self._end, chunk))
        self._end += len(chunk)
        self._received += len(chunk)
        self._clock.arrived(self._end, arrived_ms)

    def _jump(self, position: int) -> None:
        if position != self._end:
            self._end = position
            self._anchors.append((self._received, position))
