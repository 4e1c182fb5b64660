import pytest

from voicehub.errors import FencedError
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import lease, quota, usage
from voicehub.storage.quota import Quota
from voicehub.storage.settlement import Settled

SESSION = 1


@pytest.fixture
async def limits(team, redis):
    async with team.pg.connection() as conn:
        return await quota.refresh(redis, conn, team.id)


async def book(redis, team, number, audio, *, flying=0, text=0, token=1, settled=None, session=1):
    left = await usage.book(
        redis,
        team.id,
        session,
        token,
        number=number,
        totals=Totals(audio * MILLION, text * MILLION),
        audio_in_flight=flying * MILLION,
        settled=settled,
    )
    assert left is None or (left.audio_max, left.text_max) == (1000 * MILLION, 1000 * MILLION)
    return left and (left.audio_left / MILLION, left.text_left / MILLION)


def settled(audio, used, text=0, period=""):
    return Settled(audio * MILLION, text * MILLION, period, used * MILLION, text * MILLION)


async def period(redis, team):
    return (await redis.client.hget(quota.quota_key(team.id), "period")).decode()


async def test_repeating_a_booking_counts_once(team, redis, limits):
    assert limits == Quota(*[1000 * MILLION] * 4)
    for _ in range(3):
        assert await book(redis, team, 1, 10, flying=5, text=2) == (985, 998)
    assert await book(redis, team, 2, 12, text=2) == (988, 998)


async def test_an_older_booking_is_ignored(team, redis, limits):
    await book(redis, team, 5, 50)
    assert await book(redis, team, 4, 40) == (950, 1000)
    assert (await usage.booked(redis, team.id, SESSION))["audio_tokens"] == 50


async def test_sessions_share_what_is_left(team, redis, limits):
    await book(redis, team, 1, 100, session=1)
    assert await book(redis, team, 1, 200, session=2) == (700, 1000)
    assert await book(redis, team, 2, 150, session=1) == (650, 1000)


async def test_an_old_owner_books_nothing(team, redis, limits):
    await lease.hold(redis, team.id, SESSION, 2, "newer")
    with pytest.raises(FencedError):
        await book(redis, team, 9, 500, token=1)
    assert await book(redis, team, 1, 10, token=2) == (990, 1000)


async def test_a_new_owner_counts_its_bookings_from_one_again(team, redis, limits):
    await book(redis, team, 9, 50, token=1)
    assert await book(redis, team, 1, 60, token=2) == (940, 1000)


async def test_settling_moves_tokens_and_loses_none(team, redis, limits):
    await book(redis, team, 1, 100, flying=7)
    now = settled(100, 100, period=await period(redis, team))
    for _ in range(2):
        await usage.mark_settled(redis, team.id, SESSION, now, finished=False)
    assert await book(redis, team, 2, 100, flying=7, settled=now) == (893, 1000)
    # An owner that has not heard of it yet says 0 settled, and counts no token twice either.
    assert await book(redis, team, 3, 100, flying=7) == (893, 1000)


async def test_redis_emptied_in_the_middle_doubles_nothing(team, redis, limits):
    await book(redis, team, 1, 100)
    now = settled(100, 100, period=await period(redis, team))
    await usage.mark_settled(redis, team.id, SESSION, now, finished=False)
    await team.run("UPDATE subscriptions SET total_audio_tokens_used = 100 RETURNING id")
    await redis.client.flushall()
    assert await book(redis, team, 2, 130, settled=now) is None
    async with team.pg.connection() as conn:
        left = await quota.refresh(redis, conn, team.id)
    assert left.audio_left == 870 * MILLION


async def test_a_session_that_ended_while_redis_was_away_holds_nothing_back(team, redis, limits):
    await book(redis, team, 1, 100, flying=20)
    # Postgres was told of 150 directly.
    now = settled(150, 150, period=await period(redis, team))
    await usage.mark_settled(redis, team.id, SESSION, now, finished=True)
    assert await book(redis, team, 1, 0, session=2) == (850, 1000)
    assert await usage.booked(redis, team.id, SESSION) is None


async def test_nothing_is_left_to_settle_once_it_is_settled(team, redis, limits):
    assert await usage.booked(redis, team.id, SESSION) is None
    await book(redis, team, 1, 10)
    assert (await usage.booked(redis, team.id, SESSION))["audio_tokens"] == 10
    await usage.mark_settled(redis, team.id, SESSION, settled(10, 10), finished=False)
    assert await usage.booked(redis, team.id, SESSION) is None


async def test_the_last_settlement_lets_the_totals_expire(team, redis, limits):
    await book(redis, team, 1, 10)
    await usage.mark_settled(redis, team.id, SESSION, settled(10, 10), finished=True)
    (key,) = await redis.client.keys("*:usage")
    assert 0 < await redis.client.pttl(key) <= usage.KEEP_FINISHED_MS


async def test_the_totals_of_a_session_that_goes_on_after_all_stay(team, redis, limits):
    await book(redis, team, 1, 10)
    await usage.let_expire(redis, team.id, SESSION)
    (key,) = await redis.client.keys("*:usage")
    assert 0 < await redis.client.pttl(key) <= usage.KEEP_FINISHED_MS
    await book(redis, team, 1, 20, token=2)
    assert await redis.client.pttl(key) == -1


async def test_totals_that_are_settled_can_still_be_read(team, redis, limits):
    assert await usage.last_booked(redis, team.id, SESSION) is None
    await book(redis, team, 1, 10)
    await usage.mark_settled(redis, team.id, SESSION, settled(10, 10), finished=False)
    totals = await usage.last_booked(redis, team.id, SESSION)
    assert totals["audio_tokens"] == 10
