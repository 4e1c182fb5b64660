from decimal import Decimal

import pytest

from voicehub.storage import subscriptions
from voicehub.storage.subscriptions import SubscriptionStatus

TEAM_ID = 7


@pytest.fixture
async def add(pg):
    async with pg.connection() as conn:
        plan_id = await conn.fetchval(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens)"
            " VALUES ('Plan', 1000.5, 2000) RETURNING id"
        )

    async def add(status="active", begins_h=None, ends_h=None, used=None, team_id=TEAM_ID):
        async with pg.connection() as conn:
            return await conn.fetchval(
                "INSERT INTO subscriptions (team_id, plan_id, status, total_audio_tokens_used,"
                " current_period_start, current_period_end) VALUES ($1, $2, $3, $4,"
                " now() + make_interval(hours => $5), now() + make_interval(hours => $6))"
                " RETURNING id",
                team_id,
                plan_id,
                status,
                used,
                begins_h,
                ends_h,
            )

    return add


async def current(pg):
    async with pg.connection() as conn:
        return await subscriptions.current(conn, TEAM_ID)


async def test_only_free_and_active_ones_that_cover_now_are_current(pg, add):
    for status, begins_h, ends_h in (
        ("cancelled", -1, 1),
        ("expired", -1, 1),
        ("active", -2, -1),
        ("active", 1, 2),
    ):
        await add(status, begins_h, ends_h)
    await add(team_id=TEAM_ID + 1)
    assert await current(pg) is None
    free = await add("free", -1, 1)
    assert (await current(pg)).id == free


async def test_the_latest_period_counts_and_one_without_end_comes_last(pg, add):
    endless = await add()
    assert (await current(pg)).id == endless
    older = await add("active", -5, 5)
    assert (await current(pg)).id == older
    newer = await add("active", -1, 5)
    await add("active", -3, 5)
    assert (await current(pg)).id == newer


async def test_amounts_are_decimals_and_an_empty_sum_is_nothing(pg, add):
    await add(used=None)
    row = await current(pg)
    assert (row.total_audio_tokens_used, row.total_text_tokens_used) == (Decimal(0), Decimal(0))
    assert (row.plan_name, row.max_audio_tokens) == ("Plan", Decimal("1000.5"))
    await add("active", -1, 1, used=Decimal("0.000001"))
    assert (await current(pg)).total_audio_tokens_used == Decimal("0.000001")


async def test_what_has_ended_is_due_until_it_is_turned(pg, add):
    begun = await add("active", -5, -2)
    older = await add("free", -9, -3)
    await add("active", -1, 1)
    await add("active")
    await add("cancelled", -5, -2)
    async with pg.connection() as conn:
        found = await subscriptions.ended(conn, 10)
        assert [each.id for each in found] == [older, begun]
        assert 2 * 3600 <= found[1].ended_s_ago < 2 * 3600 + 60
        assert await subscriptions.changed_lately(conn, 60) == [TEAM_ID]
    async with pg.transaction() as conn:
        due = await subscriptions.lock_due(conn, TEAM_ID, begun)
        assert due.has_plan
        assert await subscriptions.lock_due(conn, TEAM_ID + 1, begun) is None
        await subscriptions.begin_period(conn, TEAM_ID, begun, due.current_period_end, due.now)
        assert await subscriptions.end(conn, TEAM_ID, older, SubscriptionStatus.EXPIRED)
        assert not await subscriptions.end(conn, TEAM_ID, older, SubscriptionStatus.CANCELLED)
        assert await subscriptions.lock_due(conn, TEAM_ID, older) is None


async def test_one_that_goes_on_covers_the_moments_until_it_is_turned(pg, add):
    renewed = await add("active", -2, 0)
    assert (await current(pg)).id == renewed
    async with pg.connection() as conn:
        await conn.execute("UPDATE subscriptions SET cancel_at_period_end = true")
    assert await current(pg) is None


def test_what_is_over_stays_over():
    assert subscriptions.sources_of(SubscriptionStatus.EXPIRED) == ["free", "active"]
    assert subscriptions.sources_of(SubscriptionStatus.CANCELLED) == ["free", "active"]
    for status in (SubscriptionStatus.CANCELLED, SubscriptionStatus.EXPIRED):
        assert not subscriptions.TRANSITIONS[status]
