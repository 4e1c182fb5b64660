"""The pool to Postgres: jsonb by orjson, a deadline on every statement, one error for trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from voicehub.errors import StorageError

COMMAND_S = 10.0  # a statement past it is cancelled: asyncpg waits for ever on a vanished peer
CONNECT_S = 5.0  # a server that takes longer to let us in counts as down
ACQUIRE_S = 5.0  # with all connections busy this long, the request fails and may be repeated
CLOSE_S = 5.0  # connections that are still busy then are cut
PING_S = 2.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# Trouble with the server or the way to it, and conflicts that may not come again.
CONNECTION_TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg raises when it is asked on a connection that broke a moment ago.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,
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

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, pooler: bool = False, size_max: int = 10) -> Self:
        """Open the pool; `pooler` says that PgBouncer in transaction mode stands between."""
        async with _storage_errors():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size_max,
                timeout=CONNECT_S,
                command_timeout=COMMAND_S,
                # Behind a pooler the next transaction may meet a server without our statements.
                statement_cache_size=0 if pooler else 256,
                init=_set_codecs,
                # No state stays in a connection, so giving one back needs no round trip.
                reset=_keep,
            )
        return cls(pool)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction: each statement stands alone."""
        async with _storage_errors(), self._pool.acquire(timeout=ACQUIRE_S) as conn:
            yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing. After a StorageError it may have been committed: the answer was lost."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    async def ping(self) -> None:
        """Return when Postgres answers, else raise StorageError."""
        async with self.connection() as conn:
            await conn.fetchval("SELECT 1", timeout=PING_S)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


@asynccontextmanager
async def _storage_errors() -> AsyncIterator[None]:
    try:
        yield
    except CONNECTION_TROUBLE as error:
        # The kind alone: a server's message may quote the row.
        raise StorageError(f"Postgres: {type(error).__name__}") from error


async def _set_codecs(conn: Connection) -> None:
    await conn.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


def _encode_jsonb(value: Any) -> bytes:  # any JSON
    return _JSONB_VERSION + orjson.dumps(value)


def _decode_jsonb(raw: bytes) -> Any:  # any JSON
    return orjson.loads(raw[1:])


async def _keep(_conn: Connection) -> None:
    pass
