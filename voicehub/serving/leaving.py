"""Whether this process is to go away: first to drain, then to wait for nothing that can be cut."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A second signal sooner than this is the first one: a terminal and a launcher both send it.
AGAIN_S = 0.5


class Leaving:
    """Two wishes, each made once: `drain`, and `hurry`, which holds the other."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._told_s = 0.0
        self.asked = asyncio.Event()
        """To drain."""
        self.hurried = asyncio.Event()
        """Not to wait for turns to end."""

    def drain(self) -> None:
        self.asked.set()

    def hurry(self) -> None:
        self.asked.set()
        self.hurried.set()

    def told(self) -> None:
        """By a signal: the first drains, another hurries."""
        if not self.asked.is_set():
            self._told_s = self._now_s()
            self.drain()
        elif self._now_s() - self._told_s >= AGAIN_S:
            self.hurry()


@contextmanager
def on_signals(react: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT do `react`, until the end of the block; then what they did before."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        loop.add_signal_handler(number, react)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def ignore_signals() -> None:
    """Outside of `on_signals`, for good: one that comes when all is done changes no exit code."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
