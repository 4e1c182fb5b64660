from decimal import Decimal

import pytest

from voicehub.storage import subscriptions

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
