"""A caller, a device and a network, played by hand against a recording's time line."""

import itertools
from collections.abc import Callable

import numpy as np

from voicehub.audio.timeline import Timeline

PER_MS = 24
PERIOD = 30_000
# No sample is 0, so that silence shows; each stands for its own number.
_RAMP = np.tile(np.arange(1, PERIOD + 1, dtype=np.int16), 3)


def spoken(first: int, count: int) -> np.ndarray:
    """The caller's samples from number `first` on."""
    start = first % PERIOD
    if start + count <= len(_RAMP):
        return _RAMP[start : start + count]
    return np.resize(np.roll(_RAMP[:PERIOD], -start), count)


class Caller:
    """Speaks in chunks, each of which leaves when it is complete and arrives in order.

    `rate` is the speed of the device's crystal. The recording is taken every 500 ms, as a session
    does, and checked as it comes: the left channel holds the caller's samples, in order, and zeros.
    """

    def __init__(self, *, chunk_ms: int = 100, rate: float = 1.0, start_ms: float = 0.0) -> None:
        self.timeline = Timeline(start_ms)
        self.start_ms = start_ms
        self.now_ms = start_ms
        """When the device finished its last chunk."""
        self.arrived_ms = start_ms
        self.sent = 0
        self.recorded = 0
        self.heard: list[tuple[int, np.ndarray]] = []
        """Where the agent is heard: what is not silent on the right."""
        self.silences: list[int] = []
        """Lengths in samples of the left channel's silences, the one before the first word too."""
        self.keep_right = True
        self._chunk_ms = chunk_ms
        self._rate = rate
        self._next_take_ms = start_ms
        self._position = 0
        self._silent = 0

    def speak(self, duration_ms: float, delay_ms: Callable[[], float] = lambda: 0.0) -> None:
        for _ in range(round(duration_ms / self._chunk_ms)):
            self.now_ms += self._chunk_ms / self._rate
            self.send(self.now_ms + delay_ms())

    def send(self, arrives_ms: float) -> None:
        """The next chunk arrives, not before those that were sent earlier."""
        self.arrived_ms = max(self.arrived_ms, arrives_ms)
        self.take(self.arrived_ms)
        size = self._chunk_ms * PER_MS
        self.timeline.add_user(spoken(self.sent, size), self.arrived_ms)
        self.sent += size

    def mute(self, duration_ms: float) -> None:
        self.now_ms += duration_ms
        self.take(self.now_ms)

    def take(self, now_ms: float) -> None:
        """Every block that is settled until `now_ms`."""
        while self._next_take_ms <= now_ms:
            self._read(self.timeline.settled(self._next_take_ms))
            self._next_take_ms += 500

    def hang_up(self) -> None:
        self._read(self.timeline.rest(self.arrived_ms))
        assert self.recorded == self.sent, "the recording holds every sample once"

    @property
    def length(self) -> int:
        """Samples of the recording so far."""
        return self._position

    def _read(self, blocks) -> None:
        for block in blocks:
            left, right = block[:, 0], block[:, 1]
            if self.keep_right and right.any():
                first, *_, last = (*np.flatnonzero(right)[[0, -1]],)
                self.heard.append((self._position + int(first), right[first : last + 1].copy()))
            self._read_left(left)
            self._position += len(block)

    def _read_left(self, left: np.ndarray) -> None:
        if left.all() and not self._silent:
            runs = [(len(left), True)]
        else:
            edges = np.flatnonzero(np.diff(left != 0)) + 1
            bounds = [0, *edges.tolist(), len(left)]
            runs = [(stop - start, bool(left[start])) for start, stop in itertools.pairwise(bounds)]
        start = 0
        for length, sounds in runs:
            if sounds:
                if self._silent:
                    self.silences.append(self._silent)
                self._silent = 0
                expected = spoken(self.recorded, length)
                assert np.array_equal(left[start : start + length], expected), "in order, whole"
                self.recorded += length
            else:
                self._silent += length
            start += length
