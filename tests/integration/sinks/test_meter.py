import pytest

from voicehub.errors import FencedError, StorageError
from voicehub.session.commands import Book
from voicehub.session.metering import MILLION, Totals
from voicehub.sinks.meter import MeterSink
from voicehub.storage import lines
from voicehub.storage.quota import Quota
from voicehub.telemetry.telemetry import Telemetry

# What the team's plan holds of either kind.
PLAN = 1000 * MILLION


def booking(sequence, audio, *, flying=0, text=0):
    return Book(sequence, Totals(audio * MILLION, text * MILLION), flying * MILLION)


def left(audio, text=1000):
    return Quota(audio * MILLION, text * MILLION, PLAN, PLAN)


@pytest.fixture
def meter(redis, pg, owned):
    return MeterSink(redis=redis, postgres=pg, owned=owned)


async def used(pg):
    async with pg.connection() as conn:
        return await conn.fetchval("SELECT total_audio_tokens_used FROM subscriptions")


async def test_a_booking_tells_what_the_team_has_left(meter):
    assert await meter.book(booking(1, 10, flying=5)) == left(985)
    assert await meter.book(booking(2, 20, text=1)) == left(980, 999)


async def test_settling_changes_nothing_of_what_is_left(meter, pg):
    await meter.book(booking(1, 10))
    for _ in range(3):
        await meter.settle()
        assert await used(pg) == 10
    assert await meter.book(booking(2, 10)) == left(990)


async def test_nothing_booked_is_nothing_to_settle(meter, pg):
    await meter.settle(finished=True)
    assert await used(pg) == 0


async def test_without_redis_tokens_go_to_postgres_at_once(meter, redis, pg, monkeypatch):
    async def fail(*_arguments):
        raise StorageError("Redis is away.")

    await meter.book(booking(1, 10))
    with monkeypatch.context() as away:
        away.setattr(redis, "run", fail)
        assert await meter.book(booking(2, 30, flying=4)) == left(966)
        assert await used(pg) == 30
        await meter.settle()
        assert await meter.book(booking(3, 1000)) == left(0)
    assert await used(pg) == 1000
    assert await meter.book(booking(4, 1000)) == left(0)


async def test_an_emptied_redis_is_told_everything_again(meter, redis, pg):
    await meter.book(booking(1, 10))
    await meter.settle()
    await redis.client.flushall()
    assert await meter.book(booking(2, 25, flying=5)) == left(970)
    assert await used(pg) == 25
    assert await meter.book(booking(3, 25)) == left(975)


async def test_a_plan_that_ended_leaves_nothing(meter, redis, pg):
    async with pg.connection() as conn:
        await conn.execute("UPDATE subscriptions SET status = 'expired'")
    assert await meter.book(booking(1, 10)) == Quota(0, 0)


async def test_a_newer_owner_stops_it(meter, redis, pg, owned):
    await redis.client.set(lines.fence_key(owned.team_id, owned.session_id), 2)
    async with pg.connection() as conn:
        await conn.execute("UPDATE sessions SET data = data || '{\"fence\": 2}'")
    with pytest.raises(FencedError):
        await meter.book(booking(1, 10))
    with pytest.raises(FencedError):
        await meter.settle()
    assert await used(pg) == 0


async def test_a_booking_that_redis_took_stands_while_postgres_is_away(meter, pg, monkeypatch):
    async def fail(*_arguments, **_more):
        raise StorageError("Postgres is away.")

    with monkeypatch.context() as away:
        away.setattr("voicehub.storage.settlement.settle", fail)
        assert await meter.book(booking(1, 10)) is None
    assert await meter.book(booking(2, 10)) == left(990)
    assert await used(pg) == 10


async def test_it_counts_what_it_books_and_for_how_long_that_waits(redis, pg, owned):
    telemetry = Telemetry()
    meter = MeterSink(redis=redis, postgres=pg, owned=owned, telemetry=telemetry)
    await meter.book(booking(1, 10))
    assert telemetry.tokens.value("audio") == 0, "earlier owners booked that"
    assert meter.unsettled_since_s is None
    await meter.book(booking(2, 25, text=2))
    since_s = meter.unsettled_since_s
    await meter.book(booking(3, 26, text=2))
    assert meter.unsettled_since_s == since_s
    assert (telemetry.tokens.value("audio"), telemetry.tokens.value("text")) == (16, 2)
    await meter.settle()
    assert meter.unsettled_since_s is None
    await meter.book(booking(4, 26, text=2))
    assert meter.unsettled_since_s is None, "nothing is new"
