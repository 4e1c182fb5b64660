"""The pool to Postgres: jsonb by orjson, a deadline on every statement, one error for trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias
from weakref import WeakSet

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from voicehub.errors import StorageError
from voicehub.storage.outage import Outage, is_of_closed_transport
from voicehub.telemetry.telemetry import Telemetry

COMMAND_S = 10.0  # a statement past it is cancelled: asyncpg waits for ever on a vanished peer
CONNECT_S = 5.0  # a server that takes longer to let us in counts as down
ACQUIRE_S = 5.0  # with all connections busy this long, the request fails and may be repeated
# A connection that is in use for longer: perhaps the server hangs, and a probe is sent.
SUSPECT_S = 2.0
# A server that lets nobody in for this long, or answers nothing then, is away. What was asked of it
# fails at once then, so that no connection hangs for as long as its statement may.
PROBE_S = 3.0
CLOSE_S = 5.0  # connections that are still busy then are cut
PING_S = 2.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# Trouble with the server or the way to it: perhaps it is away.
SERVER_TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg raises when it is asked on a connection that broke a moment ago.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,
)
# The same, and conflicts that may not come again, from a server that answers.
CONNECTION_TROUBLE = (
    *SERVER_TROUBLE,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)

_JSONB_VERSION = b"\x01"


class Postgres:
    """Do nothing else in `connection` and `transaction`: errors there count as Postgres's."""

    def __init__(
        self, dsn: str, *, pooler: bool, size_max: int, telemetry: Telemetry | None = None
    ) -> None:
        self._dsn = dsn
        self._telemetry = telemetry or Telemetry()
        self.outage = Outage(
            "postgres", self._probe, on_away=self._give_up, telemetry=self._telemetry
        )
        self._connections: WeakSet[asyncpg.Connection[asyncpg.Record]] = WeakSet()
        self._waiting: set[asyncio.Timeout] = set()
        self._pool = asyncpg.create_pool(
            dsn,
            # With a floor to keep, asyncpg logs every try to reach a server that is away.
            min_size=0,
            max_size=size_max,
            timeout=CONNECT_S,
            command_timeout=COMMAND_S,
            # Behind a pooler the next transaction may meet a server without our statements.
            statement_cache_size=0 if pooler else 256,
            init=self._prepare,
            # No state stays in a connection, so giving one back needs no round trip.
            reset=_keep,
        )

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        pooler: bool = False,
        size_max: int = 10,
        telemetry: Telemetry | None = None,
    ) -> Self:
        """Open the pool; `pooler` says that PgBouncer in transaction mode stands between."""
        postgres = cls(dsn, pooler=pooler, size_max=size_max, telemetry=telemetry)
        try:
            await postgres._pool
            await postgres.ping()
        except BaseException:
            await postgres.close()
            raise
        return postgres

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction: each statement stands alone.

        Raises StorageError, at once while Postgres is away.
        """
        with self._telemetry.store_operation("postgres", "statements"):
            async with self._connected() as conn:
                yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing. After a StorageError it may have been committed: the answer was lost."""
        with self._telemetry.store_operation("postgres", "transaction"):
            async with self._connected() as conn, conn.transaction():
                yield conn

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        if self.outage.away:
            raise StorageError("Postgres is away.")
        watch = asyncio.get_running_loop().call_later(SUSPECT_S, self.outage.suspect)
        try:
            conn = await self._acquire()
            try:
                yield conn
            finally:
                await self._pool.release(conn)
            self.outage.answered()
        except CONNECTION_TROUBLE as error:
            if isinstance(error, SERVER_TROUBLE):
                self.outage.suspect()
            raise _as_storage_error(error) from error
        except RuntimeError as error:
            if not is_of_closed_transport(error):
                raise
            self.outage.suspect()
            raise _as_storage_error(error) from error
        finally:
            watch.cancel()

    async def ping(self) -> None:
        """Return when Postgres answers, else raise StorageError."""
        async with self.connection() as conn:
            await conn.fetchval("SELECT 1", timeout=PING_S)

    async def answers(self) -> None:
        """Return when Postgres is not away."""
        await self.outage.over()

    async def close(self) -> None:
        await self.outage.aclose()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _probe(self) -> None:
        """By a connection of its own: those of the pool may be busy, or hang."""
        conn = None
        try:
            async with asyncio.timeout(PROBE_S):
                conn = await asyncpg.connect(self._dsn, statement_cache_size=0)
                await conn.execute("SELECT 1")
        except SERVER_TROUBLE as error:
            raise _as_storage_error(error) from error
        except asyncpg.PostgresError:
            pass  # it is there, and has something against one more connection
        finally:
            if conn is not None:
                conn.terminate()

    async def _acquire(self) -> "PoolConnectionProxy[asyncpg.Record]":
        async with asyncio.timeout(None) as limit:
            self._waiting.add(limit)
            try:
                return await self._pool.acquire(timeout=ACQUIRE_S)
            finally:
                self._waiting.discard(limit)

    def _give_up(self) -> None:
        """Postgres is away: whoever uses a connection, or waits for one, fails now."""
        for conn in list(self._connections):
            conn.terminate()
        for limit in self._waiting:
            limit.reschedule(asyncio.get_running_loop().time())

    async def _prepare(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connections.add(conn)
        await conn.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            encoder=_encode_jsonb,
            decoder=_decode_jsonb,
            format="binary",
        )


def _as_storage_error(error: Exception) -> StorageError:
    # The kind alone: a server's message may quote the row.
    return StorageError(f"Postgres: {type(error).__name__}")


def _encode_jsonb(value: Any) -> bytes:  # any JSON
    return _JSONB_VERSION + orjson.dumps(value)


def _decode_jsonb(raw: bytes) -> Any:  # any JSON
    return orjson.loads(raw[1:])


async def _keep(_conn: Connection) -> None:
    pass
