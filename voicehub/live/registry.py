"""The sessions of this process: lets them in, and drains them when the process is to go away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from voicehub.errors import DrainError
from voicehub.live.driver import Driver
from voicehub.live.paused import PausedSocket
from voicehub.session.state import EndedReason

# After the drain deadline every session gets its error, its close and its last writes.
LAST_WRITES_S = 30.0

logger = structlog.get_logger(__name__)


class Registry:
    def __init__(self) -> None:
        self._drivers: set[Driver | PausedSocket] = set()
        self._handling = 0
        self._draining = False
        self._drain_by_s = 0.0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def sessions(self) -> int:
        return len(self._drivers)

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
        """Who drives the session in this process."""
        for driver in self._drivers:
            if isinstance(driver, Driver) and driver.session_id == session_id:
                return driver
        return None

    @contextmanager
    def driving(self, driver: Driver | PausedSocket) -> Iterator[None]:
        self._drivers.add(driver)
        if self._draining:
            self._ask(driver, at_turn_end=True)
        try:
            yield
        finally:
            self._drivers.discard(driver)

    async def drain(self, deadline_s: float) -> None:
        """No new sessions; the open ones end with their turn, or at the deadline."""
        self._draining = True
        self._drain_by_s = asyncio.get_running_loop().time() + deadline_s
        for driver in list(self._drivers):
            self._ask(driver, at_turn_end=True)
        if await self._emptied(deadline_s):
            return
        for driver in list(self._drivers):
            self._ask(driver, at_turn_end=False)
        if not await self._emptied(LAST_WRITES_S):
            logger.error("sessions left behind by the drain", count=self._handling)

    def _ask(self, driver: Driver | PausedSocket, *, at_turn_end: bool) -> None:
        error = DrainError("This server is going away; connect again.")
        left_s = max(0.0, self._drain_by_s - asyncio.get_running_loop().time())
        driver.end(EndedReason.DRAIN, error, at_turn_end=at_turn_end, within_ms=left_s * 1000)

    async def _emptied(self, deadline_s: float) -> bool:
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
