"""What is done to a subscription, at the same time as others settle, turn and subscribe."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from voicehub.errors import ConflictError, ForbiddenError, NotFoundError
from voicehub.jobs.periods import turn_periods
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import plans, settlement, subscribing
from voicehub.storage.period import Interval
from voicehub.storage.subscribing import By
from voicehub.tasks import spawn


@pytest.fixture
def by(team):
    return By(team.id, "user:1", may_pay=True)


@pytest.fixture
async def plan_id(team):
    return await team.run("SELECT plan_id FROM subscriptions")


def used(audio):
    return Totals(audio * MILLION, 0, responses=1).as_json()


async def do(team, act, *arguments, **named):
    async with team.pg.connection() as conn:
        return await act(conn, *arguments, **named)


async def until_waiting(team, count=1):
    """Until so many connections wait for somebody's lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(5):
        while await team.run(waiting) < count:
            pass


async def totals(team):
    """What each subscription shows, the oldest first."""
    async with team.pg.connection() as conn:
        rows = await conn.fetch(
            "SELECT status, total_audio_tokens_used::float8 FROM subscriptions ORDER BY id"
        )
    return [tuple(row) for row in rows]


async def test_usage_that_waits_while_the_plan_is_taken_anew_falls_on_the_new_one(
    team, by, plan_id
):
    session_id = await team.add_session()
    await do(team, settlement.settle, team.id, session_id, used(100))
    async with team.pg.transaction() as conn:
        await subscribing.cancel(conn, by, team.subscription_id, at_period_end=False)
        await subscribing.create(conn, by, plan_id, None)
        settling = spawn(
            do(team, settlement.settle, team.id, session_id, used(130)), name="settling"
        )
        await until_waiting(team)
    settled = await settling
    assert await totals(team) == [("cancelled", 100), ("free", 130)]
    assert settled.used_audio == 130 * MILLION
    assert settled.period.startswith(f"{team.subscription_id + 1}@")


async def test_usage_that_waits_while_one_is_only_cancelled_comes_to_the_next(team, by, plan_id):
    session_id = await team.add_session()
    async with team.pg.transaction() as conn:
        await subscribing.cancel(conn, by, team.subscription_id, at_period_end=False)
        settling = spawn(
            do(team, settlement.settle, team.id, session_id, used(30)), name="settling"
        )
        await until_waiting(team)
    await settling
    await do(team, subscribing.create, by, plan_id, None)
    assert await totals(team) == [("cancelled", 30), ("free", 30)]


async def test_a_new_one_waits_for_usage_that_is_being_charged(team, by, plan_id):
    session_id = await team.add_session()
    await do(team, subscribing.cancel, by, team.subscription_id, at_period_end=False)
    async with team.pg.transaction() as conn:
        await settlement.settle(conn, team.id, session_id, used(60))
        creating = spawn(do(team, subscribing.create, by, plan_id, None), name="creating")
        await until_waiting(team)
    assert (await creating).total_audio_tokens_used == 60


async def test_settling_while_plans_are_left_and_taken_loses_and_doubles_nothing(team, by, plan_id):
    ids = [await team.add_session() for _ in range(3)]

    async def settle_all():
        for amount in range(1, 21):
            for session_id in ids:
                await do(team, settlement.settle, team.id, session_id, used(amount))

    async def take_and_leave():
        subscription_id = team.subscription_id
        for _ in range(15):
            await do(team, subscribing.cancel, by, subscription_id, at_period_end=False)
            subscription_id = (await do(team, subscribing.create, by, plan_id, None)).id

    await asyncio.gather(settle_all(), take_and_leave())
    # Each began with what the one before had, so the newest shows it all.
    assert (await totals(team))[-1] == ("free", 60)


async def test_of_many_that_subscribe_at_once_one_does(team, by, plan_id):
    await do(team, subscribing.cancel, by, team.subscription_id, at_period_end=False)
    done = await asyncio.gather(
        *(do(team, subscribing.create, by, plan_id, None) for _ in range(8)),
        return_exceptions=True,
    )
    refused = [each for each in done if isinstance(each, ConflictError)]
    assert len(refused) == 7
    assert {each.code for each in refused} == {"subscription_exists"}
    live = "SELECT count(*) FROM subscriptions WHERE status IN ('free', 'active')"
    assert await team.run(live) == 1


async def test_one_whose_period_waits_for_the_worker_is_still_there(team, by, plan_id):
    await team.run(
        "UPDATE subscriptions SET current_period_start = now() - interval '2 days',"
        " current_period_end = now() - interval '1 day'"
    )
    with pytest.raises(ConflictError) as refused:
        await do(team, subscribing.create, by, plan_id, None)
    assert refused.value.retry_after_s == subscribing.TURN_RETRY_S


async def test_a_cancellation_and_the_worker_at_once_end_in_one_of_the_two(team, by, redis):
    for at_period_end in (True, False):
        await team.run(
            "UPDATE subscriptions SET status = 'active', cancel_at_period_end = false,"
            " current_period_start = now() - interval '2 days', current_period_end = now()"
        )
        await asyncio.gather(
            turn_periods(team.pg, redis),
            do(team, subscribing.cancel, by, team.subscription_id, at_period_end=at_period_end),
        )
        state = await team.run("SELECT (status, cancel_at_period_end)::text FROM subscriptions")
        # The worker was first and the next period is the last one, or it was the last already.
        assert state in {"(active,t)", "(cancelled,t)"} if at_period_end else {"(cancelled,f)"}


async def test_a_plan_that_is_being_taken_cannot_be_deleted(team, by, plan_id):
    other = await team.run(
        "INSERT INTO plans (name, max_audio_tokens, max_text_tokens) VALUES ('q', 1, 1)"
        " RETURNING id"
    )
    async with team.pg.transaction() as conn:
        await subscribing.change_plan(conn, by, team.subscription_id, other)
        deleting = spawn(delete_plan(team, other), name="deleting")
        await until_waiting(team)
    with pytest.raises(ConflictError, match="subscriptions: 1") as refused:
        await deleting
    assert refused.value.code == "still_referenced"
    await delete_plan(team, plan_id)


async def test_a_plan_that_is_being_deleted_cannot_be_taken(team, by):
    other = await team.run(
        "INSERT INTO plans (name, max_audio_tokens, max_text_tokens) VALUES ('q', 1, 1)"
        " RETURNING id"
    )
    async with team.pg.transaction() as conn:
        await plans.delete(conn, other)
        taking = spawn(
            do(team, subscribing.change_plan, by, team.subscription_id, other), name="taking"
        )
        await until_waiting(team)
    with pytest.raises(NotFoundError):
        await taking


async def delete_plan(team, plan_id):
    async with team.pg.transaction() as conn:
        await plans.delete(conn, plan_id)


async def test_a_plan_stays_free_until_it_is_taken(team):
    other = await team.run(
        "INSERT INTO plans (name, max_audio_tokens, max_text_tokens) VALUES ('q', 1, 1)"
        " RETURNING id"
    )
    user = By(team.id, "user:1", may_pay=False)
    async with team.pg.transaction() as conn:
        await conn.execute("UPDATE plans SET monthly_price = 5 WHERE id = $1", other)
        taking = spawn(
            do(team, subscribing.change_plan, user, team.subscription_id, other), name="taking"
        )
        await until_waiting(team)
    with pytest.raises(ForbiddenError):
        await taking


async def test_a_team_that_is_deleted_takes_nothing(team, plan_id):
    gone = By(team.id + 1, "user:1", may_pay=True)
    with pytest.raises(NotFoundError):
        await do(team, subscribing.create, gone, plan_id, Interval.YEAR)


async def test_a_credit_takes_off_no_more_than_there_is_and_says_what_it_took(team, by):
    await team.run("UPDATE subscriptions SET total_audio_tokens_used = 10.5")
    row = await do(
        team, subscribing.adjust, by, team.subscription_id, Decimal(-50), Decimal(3), "outage"
    )
    assert (row.total_audio_tokens_used, row.total_text_tokens_used) == (0, 3)
    async with team.pg.connection() as conn:
        change = await conn.fetchrow("SELECT * FROM subscription_changes")
    assert (change["audio_tokens"], change["text_tokens"]) == (Decimal("-10.5"), 3)
    assert (change["change"], change["reason"], change["plan_name"]) == ("adjusted", "outage", "p")


async def test_an_illegal_transition_is_refused_by_the_row_itself(team, by, plan_id):
    """Whatever the code above it has read."""
    await team.run("UPDATE subscriptions SET status = 'cancelled'")
    sql = subscribing._SQL
    async with team.pg.connection() as conn:
        at = (team.id, team.subscription_id)
        assert await conn.fetchval(sql["change_plan"], *at, plan_id, "active", ["free"]) is None
        assert await conn.fetchval(sql["cancel_at_end"], *at) is None
        assert await conn.fetchval(sql["reactivate"], *at) is None
        assert await conn.fetchval(sql["adjust"], *at, Decimal(1), Decimal(1)) is None


async def test_two_connections_never_hold_a_team_at_once(team, by):
    async with team.pg.transaction() as conn, team.pg.connection() as other:
        await subscribing.cancel(conn, by, team.subscription_id, at_period_end=True)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await other.fetchval("SELECT 1 FROM team WHERE id = $1 FOR UPDATE NOWAIT", team.id)


async def test_what_comes_after_a_cancellation_falls_on_what_the_next_one_goes_on_from(
    team, by, plan_id
):
    # One that was over long ago began later than one without a beginning.
    await team.run("UPDATE subscriptions SET status = 'cancelled' RETURNING id")
    endless = await team.run(
        "INSERT INTO subscriptions (team_id, plan_id, status) VALUES ($1, $2, 'free') RETURNING id",
        team.id,
        plan_id,
    )
    session_id = await team.add_session()
    await do(team, settlement.settle, team.id, session_id, used(100))
    await do(team, subscribing.cancel, by, endless, at_period_end=False)
    await do(team, settlement.settle, team.id, session_id, used(130))
    await do(team, subscribing.create, by, plan_id, None)
    assert await totals(team) == [("cancelled", 0), ("cancelled", 130), ("free", 130)]
