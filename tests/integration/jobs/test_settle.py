import asyncio
from decimal import Decimal

import pytest

from voicehub.errors import StorageError
from voicehub.jobs import settle as module
from voicehub.jobs.settle import settle_all, settle_team


@pytest.fixture
async def owners(new_owner):
    """Five sessions of a team, each with ten times its number booked."""
    owners = [await new_owner() for _ in range(5)]
    for number, owner in enumerate(owners, 1):
        await owner.book(number, number * 10)
    return owners


async def test_every_session_is_settled_once_by_however_many_workers(
    pg, redis, team, owners, monkeypatch
):
    monkeypatch.setattr(module, "BATCH", 2)
    await asyncio.gather(*(settle_all(pg, redis) for _ in range(4)))
    assert await team.used() == (150, 0)
    assert await settle_all(pg, redis) == 0
    await owners[0].book(9, 17)
    assert await settle_all(pg, redis) == 1
    assert await team.used() == (157, 0)


@pytest.fixture
def failing_one(owners, monkeypatch):
    """Settling the third session fails."""
    settle = module.settlement.settle

    async def fail_one(conn, team_id, session_id, booked):
        if session_id == owners[2].session_id:
            raise StorageError("no")
        return await settle(conn, team_id, session_id, booked)

    with monkeypatch.context() as failing:
        failing.setattr("voicehub.storage.settlement.settle", fail_one)
        yield failing


async def test_one_that_fails_keeps_no_other_back(pg, redis, team, failing_one):
    with pytest.raises(StorageError, match="1 sessions could not be settled, 4 were"):
        await settle_all(pg, redis)
    assert await team.used() == (Decimal(120), 0)
    failing_one.undo()
    assert await settle_all(pg, redis) == 1
    assert await team.used() == (Decimal(150), 0)


async def test_a_team_is_settled_alone_and_says_whether_wholly(
    pg, redis, team, owners, failing_one
):
    assert not await settle_team(pg, redis, team.id)
    failing_one.undo()
    assert await settle_team(pg, redis, team.id + 1)
    assert await team.used() == (Decimal(120), 0)
    assert await settle_team(pg, redis, team.id)
    assert await team.used() == (Decimal(150), 0)


async def test_a_team_without_a_subscription_is_no_outage(pg, redis, team, owners):
    await team.run("UPDATE subscriptions SET team_id = team_id + 1 RETURNING id")
    assert await settle_all(pg, redis) == 0
    await team.run("UPDATE subscriptions SET team_id = team_id - 1 RETURNING id")
    assert await settle_all(pg, redis) == 5
    assert await team.used() == (150, 0)


async def test_a_row_that_nobody_expected_keeps_no_other_back(pg, redis, team, owners):
    odd = {"audio_tokens": "much", "text_tokens": None}
    await team.run("UPDATE sessions SET usage = $2 WHERE id = $1", owners[1].session_id, odd)
    with pytest.raises(StorageError, match="1 sessions could not be settled, 4 were"):
        await settle_all(pg, redis)
    assert await team.used() == (Decimal(130), 0)
