from decimal import Decimal

import pytest

from voicehub.errors import QuotaError, StorageError
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import quota, settlement, subscribing, usage
from voicehub.storage.quota import MILLIONTHS_MAX, Live, Quota, in_millionths
from voicehub.storage.subscribing import By


async def require(team, redis):
    async with team.pg.connection() as conn:
        await quota.require(redis, conn, team.id)


@pytest.mark.parametrize("kind", ["audio", "text"])
async def test_either_kind_of_token_used_up_closes_the_door(team, redis, kind):
    await require(team, redis)
    await team.run(f"UPDATE subscriptions SET total_{kind}_tokens_used = 1000 RETURNING id")
    with pytest.raises(QuotaError):
        await require(team, redis)


async def test_a_new_period_begins_at_zero(team, redis):
    await team.run("UPDATE subscriptions SET total_audio_tokens_used = 1000 RETURNING id")
    with pytest.raises(QuotaError):
        await require(team, redis)
    await team.run(
        "UPDATE subscriptions SET total_audio_tokens_used = 0,"
        " current_period_start = now() - interval '1 minute' RETURNING id"
    )
    await require(team, redis)


async def test_an_old_reading_does_not_give_tokens_back(team, redis):
    async with team.pg.connection() as conn:
        await team.run("UPDATE subscriptions SET total_audio_tokens_used = 400 RETURNING id")
        await quota.refresh(redis, conn, team.id)
        await team.run("UPDATE subscriptions SET total_audio_tokens_used = 300 RETURNING id")
        assert (await quota.refresh(redis, conn, team.id)).audio_left == 600 * MILLION


async def test_a_greater_plan_counts_at_once(team, redis):
    await require(team, redis)
    await team.run("UPDATE plans SET max_audio_tokens = 5000 RETURNING id")
    async with team.pg.connection() as conn:
        assert (await quota.refresh(redis, conn, team.id)).audio_left == 5000 * MILLION


async def test_without_redis_postgres_alone_decides(team, redis, monkeypatch):
    async def fail(*_arguments):
        raise StorageError("Redis is away.")

    monkeypatch.setattr(redis, "run", fail)
    await require(team, redis)
    async with team.pg.connection() as conn:
        await team.run("UPDATE subscriptions SET total_text_tokens_used = 10 RETURNING id")
        plan = (1000 * MILLION, 1000 * MILLION)
        assert await quota.settled(conn, team.id) == Quota(plan[0], 990 * MILLION, *plan)
    await team.run("UPDATE subscriptions SET total_text_tokens_used = 1000 RETURNING id")
    with pytest.raises(QuotaError):
        await require(team, redis)


async def test_a_team_without_a_current_plan_has_nothing(team, redis):
    await team.run(
        "UPDATE subscriptions SET current_period_end = now() - interval '1 hour' RETURNING id"
    )
    with pytest.raises(QuotaError):
        await require(team, redis)


def test_amounts_stay_within_what_redis_counts():
    assert in_millionths(None) == 0
    assert in_millionths(Decimal("0.0000019")) == 1
    assert in_millionths(Decimal("1e30")) == MILLIONTHS_MAX == 2**62


async def test_a_team_without_a_subscription_is_told_that_nothing_is_left(team, redis):
    async with team.pg.connection() as conn:
        await quota.retell(redis, conn, team.id)
        names = ["limit_audio", "limit_text"]
        limits = await redis.client.hmget(quota.quota_key(team.id), names)
        assert [int(each) for each in limits] == [1000 * MILLION] * 2
        await team.run("UPDATE subscriptions SET status = 'expired' RETURNING id")
        await quota.retell(redis, conn, team.id)
    assert await redis.client.hmget(quota.quota_key(team.id), names) == [b"0", b"0"]


async def test_a_credit_counts_though_it_is_less_than_redis_has_seen(team, redis):
    session_id = await team.add_session()
    used = Totals(400 * MILLION).as_json()
    async with team.pg.connection() as conn:
        settled = await settlement.settle(conn, team.id, session_id, used)
        assert (await quota.refresh(redis, conn, team.id)).audio_left == 600 * MILLION
        by = By(team.id, "user:1", may_pay=True)
        credit = (Decimal(-300), Decimal(0), "outage")
        await subscribing.adjust(conn, by, team.subscription_id, *credit)
        assert (await quota.refresh(redis, conn, team.id)).audio_left == 900 * MILLION
        # What was settled before comes late, and later settlements count on.
        await usage.mark_settled(redis, team.id, session_id, settled, finished=False)
        assert (await quota.refresh(redis, conn, team.id)).audio_left == 900 * MILLION
        used = Totals(450 * MILLION).as_json()
        settled = await settlement.settle(conn, team.id, session_id, used)
        await usage.mark_settled(redis, team.id, session_id, settled, finished=False)
        assert await redis.client.hget(quota.quota_key(team.id), "used_audio") == b"150000000"


async def test_what_is_live_is_never_less_than_nothing(team, redis):
    assert await quota.live(redis, team.id) == Live(Decimal(0), Decimal(0))
    key = quota.quota_key(team.id)
    await redis.client.hset(key, mapping={"live_audio": -5, "live_text": 1_500_000})
    assert await quota.live(redis, team.id) == Live(Decimal(0), Decimal("1.5"))


async def test_telling_stops_at_a_store_that_is_away_and_raises_nothing(team, redis, monkeypatch):
    asked = []

    async def fail(_name, keys, _arguments):
        asked.append(keys)
        raise StorageError("Redis is away.")

    monkeypatch.setattr(redis, "run", fail)
    await quota.tell(team.pg, redis, [team.id, team.id + 1])
    assert asked == [[quota.quota_key(team.id)]]


async def test_a_very_great_plan_lasts_as_long_as_it_says(team, redis):
    await team.run("UPDATE plans SET max_audio_tokens = 1e12 RETURNING id")
    await team.run("UPDATE subscriptions SET total_audio_tokens_used = 4e11 RETURNING id")
    async with team.pg.connection() as conn:
        assert (await quota.refresh(redis, conn, team.id)).audio_left == 6 * 10**11 * MILLION


async def test_the_greatest_plan_of_all_is_counted_in_redis(team, redis):
    await team.run("UPDATE plans SET max_audio_tokens = 1e30 RETURNING id")
    session_id = await team.add_session()
    totals = Totals(5 * MILLION)
    async with team.pg.connection() as conn:
        assert (await quota.refresh(redis, conn, team.id)).audio_left == MILLIONTHS_MAX
    more = {"number": 1, "totals": totals, "audio_in_flight": 0, "settled": None}
    left = await usage.book(redis, team.id, session_id, 1, **more)
    assert left.audio_left == pytest.approx(MILLIONTHS_MAX - 5 * MILLION, abs=1024)
