import asyncio
from decimal import Decimal

import pytest

from voicehub.errors import StorageError
from voicehub.jobs import settle as module
from voicehub.jobs.settle import settle_all
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import usage


@pytest.fixture
async def sessions(pg, redis):
    """Five sessions of a team, each with ten times its number booked."""
    async with pg.connection() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('T', 't') RETURNING id"
        )
        await conn.execute(
            "INSERT INTO subscriptions (team_id, plan_id, status) VALUES ($1, 1, 'active')", team_id
        )
        ids = [
            await conn.fetchval(
                "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
                " VALUES (1, $1, 1, 'in_progress', now(), '{}', '{}') RETURNING id",
                team_id,
            )
            for _ in range(5)
        ]
    for number, session_id in enumerate(ids, 1):
        await book(redis, team_id, session_id, number * 10)
    return team_id, ids


async def book(redis, team_id, session_id, audio):
    await usage.book(
        redis,
        team_id,
        session_id,
        1,
        number=audio,
        totals=Totals(audio * MILLION),
        audio_in_flight=0,
        settled=None,
    )


async def used(pg):
    async with pg.connection() as conn:
        return await conn.fetchval("SELECT total_audio_tokens_used FROM subscriptions")


async def test_every_session_is_settled_once_by_however_many_workers(
    pg, redis, sessions, monkeypatch
):
    monkeypatch.setattr(module, "BATCH", 2)
    await asyncio.gather(*(settle_all(pg, redis) for _ in range(4)))
    assert await used(pg) == 150
    assert await settle_all(pg, redis) == 0
    team_id, ids = sessions
    await book(redis, team_id, ids[0], 17)
    assert await settle_all(pg, redis) == 1
    assert await used(pg) == 157


async def test_one_that_fails_keeps_no_other_back(pg, redis, sessions, monkeypatch):
    settle, (_, ids) = module.settlement.settle, sessions

    async def fail_one(conn, team_id, session_id, booked):
        if session_id == ids[2]:
            raise StorageError("no")
        return await settle(conn, team_id, session_id, booked)

    with monkeypatch.context() as failing:
        failing.setattr("voicehub.storage.settlement.settle", fail_one)
        assert await settle_all(pg, redis) == 4
    assert await used(pg) == Decimal(120)
    assert await settle_all(pg, redis) == 1
    assert await used(pg) == Decimal(150)
