"""The sessions of this process: lets them in, and drains them when the process is to go away."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from voicehub.errors import DrainError
from voicehub.live.driver import Driver
from voicehub.live.paused import PausedSocket
from voicehub.session.state import EndedReason

# The end of the time that a drain has, or a quarter of a short one: no turn is waited for, so that
# sessions are written by the deadline.
WRITING_S = 5.0
# Where a store is slow the last writes go on; what is not kept after this is left behind.
LAST_WRITES_S = 30.0
# `Driver.state`, and the socket of a paused session.
STATES = ("opening", "open", "away", "closing", "paused")

logger = structlog.get_logger(__name__)


class Registry:
    def __init__(self) -> None:
        self._drivers: dict[Driver | PausedSocket, None] = {}  # in the order of their coming
        self._handling = 0
        self._draining = False
        self._hurried = False
        self._turns_by_s = 0.0
        self._bound: asyncio.Timeout | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def sessions(self) -> int:
        return len(self._drivers)

    def states(self) -> dict[tuple[str], float]:
        """How many sessions of this process are in each state; also of those that nobody is in."""
        found = Counter(
            driver.state if isinstance(driver, Driver) else "paused" for driver in self._drivers
        )
        return {(state,): found[state] for state in STATES}

    def settlement_lag_s(self) -> dict[tuple[()], float]:
        """How long the oldest booking has been waiting to be settled."""
        since_s = [
            driver.unsettled_since_s for driver in self._drivers if isinstance(driver, Driver)
        ]
        oldest_s = min((each for each in since_s if each is not None), default=None)
        return {(): 0.0 if oldest_s is None else time.monotonic() - oldest_s}

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A request for a session, to the last of its writes. Raises DrainError."""
        if self._draining:
            raise DrainError("This server is going away; connect again.", retry_after_s=1)
        self._handling += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._handling -= 1
            if not self._handling:
                self._empty.set()

    def find(self, session_id: int) -> Driver | None:
        """Who drives the session in this process: of two, of which one takes over, the newer."""
        for driver in reversed(self._drivers):
            if isinstance(driver, Driver) and driver.session_id == session_id:
                return driver
        return None

    @contextmanager
    def driving(self, driver: Driver | PausedSocket) -> Iterator[None]:
        self._drivers[driver] = None
        if self._draining:
            self._ask(driver, at_turn_end=not self._hurried)
        try:
            yield
        finally:
            del self._drivers[driver]

    async def drain(self, deadline_s: float) -> int:
        """No new sessions; the open ones end with their turn, or in time to be written by the
        deadline. Returns how many were left behind.
        """
        loop = asyncio.get_running_loop()
        turns_s = 0.0 if self._hurried else max(deadline_s - WRITING_S, deadline_s * 0.75)
        self._draining = True
        self._turns_by_s = loop.time() + turns_s
        for driver in list(self._drivers):
            self._ask(driver, at_turn_end=True)
        hurrying = loop.call_later(turns_s, self.hurry)
        try:
            async with asyncio.timeout(turns_s + LAST_WRITES_S) as self._bound:
                await self._empty.wait()
        except TimeoutError:
            pass
        finally:
            hurrying.cancel()
            self._bound = None
        if left := self._handling:
            logger.error("sessions left behind by the drain", count=left)
        return left

    def hurry(self) -> None:
        """Turns are not waited for any more; the last writes are. Before `drain`: not at all."""
        self._hurried = True
        if self._bound is not None:
            # Once more is not longer.
            by_s = asyncio.get_running_loop().time() + LAST_WRITES_S
            self._bound.reschedule(min(by_s, self._bound.when() or by_s))
        for driver in list(self._drivers):
            self._ask(driver, at_turn_end=False)

    def _ask(self, driver: Driver | PausedSocket, *, at_turn_end: bool) -> None:
        error = DrainError("This server is going away; connect again.")
        left_s = max(0.0, self._turns_by_s - asyncio.get_running_loop().time())
        driver.end(EndedReason.DRAIN, error, at_turn_end=at_turn_end, within_ms=left_s * 1000)
