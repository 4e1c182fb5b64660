"""What the next owner must know reaches the row, now or as soon as Postgres is there."""

import pytest

from voicehub.errors import FencedError, StorageError
from voicehub.sinks import row
from voicehub.sinks.row import RowSink
from voicehub.storage import ownership
from voicehub.storage.ownership import Owned


async def data(pg, owned):
    async with pg.connection() as conn:
        return await conn.fetchval("SELECT data FROM sessions WHERE id = $1", owned.session_id)


async def test_facts_are_written_in_the_background(pg, owned):
    sink = RowSink(postgres=pg, owned=owned)
    sink.start()
    sink.begin_leg(10.4, 2_000.2)
    while "legs" not in await data(pg, owned):
        pass
    await sink.finish()
    assert (await data(pg, owned))["legs"] == [{"token": 1, "at_ms": 10, "wall_ms": 2_000}]


async def test_the_newest_of_a_fact_is_what_is_written(pg, owned):
    sink = RowSink(postgres=pg, owned=owned)
    for voice in ("a", "b"):
        sink.keep_client_session({"voice": voice})
    await sink.finish()
    assert (await data(pg, owned))["client_session"] == {"voice": "b"}


async def test_a_write_that_failed_is_repeated(pg, owned, monkeypatch):
    monkeypatch.setattr(row, "RETRY_S", 0.01)
    write, failures = ownership.begin_leg, []

    async def fail_once(*arguments, **more):
        if not failures:
            failures.append(1)
            raise StorageError("away")
        await write(*arguments, **more)

    monkeypatch.setattr(ownership, "begin_leg", fail_once)
    sink = RowSink(postgres=pg, owned=owned)
    sink.start()
    sink.begin_leg(0, 1)
    while "legs" not in await data(pg, owned):
        pass
    await sink.finish()
    assert failures == [1]


async def test_an_old_owner_writes_nothing(pg, owned):
    async with pg.connection() as conn:
        await ownership.start(conn, owned.team_id, owned.session_id)
    sink = RowSink(postgres=pg, owned=Owned(owned.team_id, owned.session_id, 1))
    sink.begin_leg(0, 1)
    with pytest.raises(FencedError):
        await sink.finish()
    assert "legs" not in await data(pg, owned)
