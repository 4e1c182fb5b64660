"""voicehub/storage/postgres.py against a real Postgres."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from voicehub.devstack import Stack
from voicehub.errors import StorageError
from voicehub.storage.postgres import Postgres


async def test_jsonb_and_numeric_come_back_as_they_went(pg: Postgres) -> None:
    value = {"text": "Grüße ☎", "list": [1, 2.5, None, True], "deep": {"a": {}}}
    async with pg.connection() as conn:
        row = await conn.fetchrow("SELECT $1::jsonb, $2::numeric", value, Decimal("0.000001"))
    assert list(row) == [value, Decimal("0.000001")]


async def test_a_transaction_that_fails_leaves_nothing(pg: Postgres) -> None:
    async def insert_twice() -> None:
        async with pg.transaction() as conn:
            for _ in range(2):
                await conn.execute("INSERT INTO team (label, name) VALUES ('A', 'a')")

    with pytest.raises(asyncpg.UniqueViolationError):
        await insert_twice()
    async with pg.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM team") == 0


async def test_our_own_mistakes_are_not_taken_for_the_servers(pg: Postgres) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with pg.connection() as conn:
            await conn.execute("SELECT * FROM nothing")


async def test_a_pooler_gets_no_named_statements(database_url: str) -> None:
    postgres = await Postgres.connect(database_url, pooler=True, size_max=1)
    async with postgres.transaction() as conn:
        assert await conn.fetchval("SELECT $1::bigint + 1", 1) == 2
        assert await conn.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
    await postgres.close()


async def test_all_connections_busy_is_a_storage_error(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicehub.storage.postgres.ACQUIRE_S", 0.05)
    postgres = await Postgres.connect(database_url, size_max=1)
    async with postgres.connection():
        with pytest.raises(StorageError):
            await postgres.ping()
    await postgres.ping()
    await postgres.close()


async def test_close_cuts_a_connection_that_stays_busy(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicehub.storage.postgres.CLOSE_S", 0.05)
    postgres = await Postgres.connect(database_url)

    async def go_on_after_close() -> None:
        async with postgres.connection() as conn:
            await postgres.close()
            await conn.execute("SELECT 1")

    with pytest.raises(StorageError):
        await go_on_after_close()


async def test_an_unreachable_server_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        await Postgres.connect("postgresql://voicehub:x@127.0.0.1:1/voicehub")


async def test_the_pool_outlives_a_crash_of_the_server(stack: Stack, pg: Postgres) -> None:
    await stack.postgres.kill()
    with pytest.raises(StorageError):
        await pg.ping()
    await stack.postgres.start()
    await pg.answers()
    await pg.ping()


async def test_a_connection_that_broke_a_moment_ago_counts_as_trouble_with_postgres(
    pg: Postgres,
) -> None:
    with pytest.raises(StorageError):
        async with pg.connection():
            raise asyncpg.InternalClientError("cannot switch to state 11")


async def test_two_writers_of_one_row_wait_for_each_other(pg: Postgres) -> None:
    async with pg.transaction() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('0', 'count') RETURNING id"
        )

    async def add_one() -> None:
        async with pg.transaction() as conn:
            label = await conn.fetchval("SELECT label FROM team WHERE id = $1 FOR UPDATE", team_id)
            await conn.execute(
                "UPDATE team SET label = $2 WHERE id = $1", team_id, str(int(label) + 1)
            )

    await asyncio.gather(*(add_one() for _ in range(20)))
    async with pg.connection() as conn:
        assert await conn.fetchval("SELECT label FROM team WHERE id = $1", team_id) == "20"


async def test_a_connection_that_closes_under_a_statement_is_a_storage_error(pg):
    async def write(reason):
        async with pg.connection():
            raise RuntimeError(reason)

    with pytest.raises(StorageError):
        # As uvloop says it.
        await write("unable to perform operation; the handler is closed")
    await pg.answers()
    with pytest.raises(RuntimeError, match="our own"):
        await write("our own")
