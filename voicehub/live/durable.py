"""Writes that must be safe before the client sees what follows: one at a time, in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from voicehub.errors import FencedError, StorageError

# A conversation makes a few writes a second. With this many waiting no store has answered for
# minutes: the session ends.
WRITES_MAX = 1_000
# A write that no store takes is repeated for this long; then the session ends.
TRIES_S = 30.0
RETRY_S = 0.5

Write = Callable[[], Awaitable[None]]
logger = structlog.get_logger(__name__)


class Durable:
    """One per session. `last` is done when everything put so far is kept, and cancelled when
    something of it is not and never will be: then nothing that follows counts as kept either.
    """

    def __init__(self, on_failed: Callable[[StorageError], None]) -> None:
        self._on_failed = on_failed
        self._writes: deque[tuple[Write, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failed = False
        self.last: asyncio.Future[None] | None = None

    def put(self, write: Write) -> None:
        """Queue `write`, which may be repeated and so must be repeatable."""
        loop = asyncio.get_running_loop()
        self.last = loop.create_future()
        if len(self._writes) >= WRITES_MAX:
            self.last.cancel()
            if not self._failed:
                self._failed = True
                # Not at once: whoever puts is in the middle of what an event led to.
                error = StorageError("The stores have not answered for too long.")
                loop.call_soon(self._on_failed, error)
            return
        self._writes.append((write, self.last))
        self._idle.clear()
        self._arrived.set()

    async def run(self) -> None:
        """Carry out the writes, for ever. Cancelled in the middle, a write may have taken place."""
        while True:
            while self._writes:
                write, done = self._writes[0]
                try:
                    await self._insist(write)
                except StorageError as error:
                    logger.warning("write given up", code=error.code)
                    self._give_up(error)
                except Exception as error:  # noqa: BLE001  # our bug ends this session, no hang
                    # Without its message, which may quote what was said.
                    logger.error("write failed", error=type(error).__name__)  # noqa: TRY400  # ditto
                    self._give_up(StorageError("A write failed."))
                self._writes.popleft()
                if self._failed:
                    done.cancel()
                else:
                    done.set_result(None)
            self._idle.set()
            self._arrived.clear()
            await self._arrived.wait()

    async def drained(self) -> None:
        """Return when nothing waits."""
        await self._idle.wait()

    def _give_up(self, error: StorageError) -> None:
        if not self._failed:
            self._failed = True
            self._on_failed(error)

    @staticmethod
    async def _insist(write: Write) -> None:
        give_up = asyncio.get_running_loop().time() + TRIES_S
        while True:
            try:
                await write()
            except FencedError:
                raise
            except StorageError:
                if asyncio.get_running_loop().time() + RETRY_S > give_up:
                    raise
            else:
                return
            await asyncio.sleep(RETRY_S)
