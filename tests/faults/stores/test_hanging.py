"""Connections that hang are dropped, and do not keep others waiting, in a pool as small as two."""

import asyncio

import pytest

from voicehub.errors import StorageError
from voicehub.storage import postgres as module
from voicehub.storage.postgres import Postgres

SIZE = 2


@pytest.fixture
async def ways(new_stores):
    return await new_stores()


@pytest.fixture
async def postgres(ways, monkeypatch):
    monkeypatch.setattr(module, "SUSPECT_S", 0.3)
    monkeypatch.setattr(module, "PROBE_S", 0.5)
    postgres = await Postgres.connect(ways.variables["DATABASE_URL"], size_max=SIZE)
    yield postgres
    await postgres.close()


async def ask(postgres):
    async with postgres.connection() as conn:
        return await conn.fetchval("SELECT 1")


async def test_what_hangs_is_dropped_and_nobody_waits_behind_it(ways, postgres):
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(ask(postgres) for _ in range(SIZE)))
    ways.postgres.freeze()
    start_s = loop.time()
    asked = (ask(postgres) for _ in range(3 * SIZE))
    failures = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(failure) for failure in failures} == {StorageError}
    # Well before a statement's own deadline, and that of waiting for a connection.
    assert loop.time() - start_s < module.ACQUIRE_S
    start_s = loop.time()
    with pytest.raises(StorageError):
        await ask(postgres)
    assert loop.time() - start_s < 0.2
    ways.postgres.thaw()
    await postgres.answers()
    assert await asyncio.gather(*(ask(postgres) for _ in range(3 * SIZE))) == [1] * 3 * SIZE


async def test_a_statement_that_takes_long_is_no_outage(ways, postgres):
    async with postgres.connection() as conn:
        await conn.execute("SELECT pg_sleep(1.2)")
        assert await ask(postgres) == 1
    assert await ask(postgres) == 1


async def test_connections_that_were_reset_are_replaced(ways, postgres):
    await asyncio.gather(*(ask(postgres) for _ in range(SIZE)))
    ways.postgres.cut()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await ask(postgres) == 1
            except StorageError:
                await postgres.answers()
            else:
                break
