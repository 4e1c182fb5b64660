"""Writes to a session's row what its next owner must know."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from voicehub.errors import FencedError, StorageError
from voicehub.storage import ownership
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Connection, Postgres
from voicehub.tasks import spawn, stop

# After a write that Postgres did not take. The conversation does not wait for it.
RETRY_S = 2.0

logger = structlog.get_logger(__name__)
_Write = Callable[[Connection], Awaitable[None]]


class RowSink:
    """One per owner. Of each fact the newest waits until Postgres takes it."""

    def __init__(self, *, postgres: Postgres, owned: Owned) -> None:
        self._postgres = postgres
        self._session = (owned.team_id, owned.session_id, owned.token)
        self._waiting: dict[str, _Write] = {}
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write in the background until `finish`."""
        self._task = spawn(self._write_regularly(), name=f"row of session {self._session[1]}")

    def begin_leg(self, at_ms: float, wall_ms: float) -> None:
        """This owner's first sample stands at `at_ms` of the session and `wall_ms` of Unix time."""
        self._put(
            "leg",
            lambda conn: ownership.begin_leg(conn, *self._session, at_ms=at_ms, wall_ms=wall_ms),
        )

    def keep_client_session(self, session: dict[str, Any]) -> None:
        """What the client has set of the session."""
        self._put(
            "client session",
            lambda conn: ownership.set_client_session(conn, *self._session, session),
        )

    async def finish(self) -> None:
        """Write what waits. Raises FencedError, StorageError."""
        await stop(self._task)
        self._task = None
        await self._write()

    def _put(self, fact: str, write: _Write) -> None:
        self._waiting[fact] = write
        self._arrived.set()

    async def _write_regularly(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            try:
                await self._write()
            except FencedError:
                # The lease, or the next line, tells the session.
                self._waiting.clear()
            except StorageError as error:
                logger.warning("row not written", session_id=self._session[1], code=error.code)
                await asyncio.sleep(RETRY_S)
                self._arrived.set()

    async def _write(self) -> None:
        for fact, write in list(self._waiting.items()):
            async with self._postgres.connection() as conn:
                await write(conn)
            if self._waiting.get(fact) is write:
                del self._waiting[fact]
