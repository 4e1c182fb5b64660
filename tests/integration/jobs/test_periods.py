import asyncio

import pytest

from voicehub.errors import QuotaError, StorageError
from voicehub.jobs import periods as module
from voicehub.jobs.periods import turn_periods
from voicehub.jobs.settle import settle_all
from voicehub.session.metering import MILLION
from voicehub.storage import quota, subscribing
from voicehub.storage.subscribing import By


async def end_period(team, s_ago=1, **columns):
    """The period that began a day ago ended so many seconds ago."""
    changes = "".join(f", {name} = {value}" for name, value in columns.items())
    await team.run(
        "UPDATE subscriptions SET current_period_start = now() - interval '1 day',"
        f" current_period_end = now() - make_interval(secs => $1){changes} RETURNING id",
        s_ago,
    )


async def row(team):
    async with team.pg.connection() as conn:
        return dict(await conn.fetchrow("SELECT *, now() AS now FROM subscriptions"))


async def left(redis, team):
    """What live sessions are told."""
    async with team.pg.connection() as conn:
        await quota.refresh(redis, conn, team.id)
    return await told(redis, team)


async def told(redis, team):
    names = ["limit_audio", "used_audio", "live_audio"]
    limit, used, live = await redis.client.hmget(quota.quota_key(team.id), names)
    return (int(limit) - int(used) - int(live or 0)) // MILLION


async def test_what_was_used_before_the_turn_stays_with_the_old_period(team, pg, redis, new_owner):
    owner = await new_owner()
    await owner.book(1, 100)
    assert await left(redis, team) == 900
    await settle_all(pg, redis)
    await owner.book(2, 160)
    await end_period(team)
    assert await turn_periods(pg, redis) == 1
    assert await team.used() == (0, 0)
    assert (await owner.row())["usage"]["audio_tokens"] == 160
    # Live sessions know of it without asking.
    assert await told(redis, team) == 1000
    await owner.book(3, 175)
    assert await told(redis, team) == 985
    await settle_all(pg, redis)
    assert await team.used() == (15, 0)
    assert await told(redis, team) == 985


async def test_the_next_period_follows_and_is_turned_once(team, pg, redis):
    await end_period(team)
    before = await row(team)
    counts = await asyncio.gather(*(turn_periods(pg, redis) for _ in range(5)))
    assert sum(counts) == 1
    after = await row(team)
    assert after["status"] == "active"
    assert after["current_period_start"] == before["current_period_end"]
    assert after["current_period_end"] > after["now"]
    assert await turn_periods(pg, redis) == 0


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"cancel_at_period_end": "true"}, "cancelled"),
        ({"cancel_at_period_end": "true", "status": "'free'"}, "cancelled"),
        ({"plan_id": "0"}, "expired"),
        ({"current_period_end": "now() - interval '2 days'"}, "expired"),
    ],
)
async def test_a_subscription_that_ends_leaves_its_sessions_nothing(
    team, pg, redis, new_owner, columns, status
):
    owner = await new_owner()
    await left(redis, team)
    await owner.book(1, 100)
    if "current_period_end" in columns:
        await team.run(
            "UPDATE subscriptions SET current_period_start = now(),"
            f" current_period_end = {columns['current_period_end']} RETURNING id"
        )
    else:
        await end_period(team, **columns)
    assert await turn_periods(pg, redis) == 1
    assert (await row(team))["status"] == status
    assert await team.used() == (100, 0)
    assert await told(redis, team) <= 0
    async with pg.connection() as conn:
        with pytest.raises(QuotaError):
            await quota.require(redis, conn, team.id)
    assert await turn_periods(pg, redis) == 0


async def test_a_free_plan_goes_on_and_one_without_end_has_no_turn(team, pg, redis):
    await end_period(team, status="'free'")
    assert await turn_periods(pg, redis) == 1
    assert (await row(team))["status"] == "free"
    await team.run("UPDATE subscriptions SET current_period_end = NULL RETURNING id")
    assert await turn_periods(pg, redis) == 0


async def test_nobody_is_sent_away_between_the_end_and_the_turn(team, pg, redis):
    await end_period(team)
    async with pg.connection() as conn:
        await quota.require(redis, conn, team.id)
        await end_period(team, cancel_at_period_end="true")
        with pytest.raises(QuotaError):
            await quota.require(redis, conn, team.id)


@pytest.fixture
def redis_away(monkeypatch):
    async def fail(*_given, **_named):
        raise StorageError("away")

    with monkeypatch.context() as failing:
        failing.setattr("voicehub.storage.usage.booked", fail)
        yield failing


async def test_a_turn_waits_for_redis_but_not_for_ever(team, pg, redis, new_owner, redis_away):
    await new_owner()
    await end_period(team)
    with pytest.raises(StorageError, match="1 billing periods wait"):
        await turn_periods(pg, redis)
    await end_period(team, module.TURN_ANYWAY_S + 1)
    assert await turn_periods(pg, redis) == 1


async def test_a_worker_that_dies_before_it_told_redis_is_made_good(team, pg, redis, monkeypatch):
    await left(redis, team)
    await end_period(team, total_audio_tokens_used="1000")
    assert await left(redis, team) == 0

    async def die(*_):
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(quota, "retell", die)
        with pytest.raises(asyncio.CancelledError):
            await turn_periods(pg, redis)
    assert await told(redis, team) == 0
    # The period began a second ago, by the row.
    assert await turn_periods(pg, redis) == 0
    assert await told(redis, team) == 1000


async def test_sessions_that_settle_during_the_turn_lose_and_double_nothing(
    team, pg, redis, new_owner
):
    owners = [await new_owner() for _ in range(4)]
    before = 0
    for turn in range(1, 6):
        await end_period(team)
        await asyncio.gather(
            *(owner.book(turn, turn * 10) for owner in owners),
            *(settle_all(pg, redis) for _ in range(3)),
            turn_periods(pg, redis),
        )
        await settle_all(pg, redis)
        before += 40
        assert sum([(await owner.row())["usage"]["audio_tokens"] for owner in owners]) == before
        # All of it fell on one side of the turn or the other.
        assert 0 <= (await team.used())[0] <= 40


async def test_a_row_that_nobody_expected_keeps_no_other_team_back(team, pg, redis, monkeypatch):
    await end_period(team)
    other = await team.run(
        "INSERT INTO subscriptions (team_id, plan_id, status, current_period_start,"
        " current_period_end) SELECT 99, plan_id, status, current_period_start,"
        " current_period_end - interval '1 hour' FROM subscriptions RETURNING id"
    )
    following = module.next_period

    def fail_one(due):
        if due.id == other:
            raise OverflowError("year 10000")
        return following(due)

    monkeypatch.setattr(module, "next_period", fail_one)
    assert await turn_periods(pg, redis) == 1


async def test_redis_is_told_again_of_every_change_for_a_while(team, pg, redis):
    """Who made it may have died before it told, or have been overtaken by an older reading."""
    assert await turn_periods(pg, redis) == 0
    assert not await redis.client.exists(quota.quota_key(team.id))
    await team.run("UPDATE plans SET max_audio_tokens = 7 RETURNING id")
    assert await turn_periods(pg, redis) == 0
    assert await told(redis, team) == 7
    await redis.client.delete(quota.quota_key(team.id))
    await team.run("ALTER TABLE plans DISABLE TRIGGER plans_set_updated_at")
    await team.run("UPDATE plans SET updated_at = created_at")
    by = By(team.id, "user:1", may_pay=False)
    async with pg.connection() as conn:
        await subscribing.cancel(conn, by, team.subscription_id, at_period_end=True)
    assert await turn_periods(pg, redis) == 0
    assert await told(redis, team) == 7
