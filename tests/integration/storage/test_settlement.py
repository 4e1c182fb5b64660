import asyncio
from decimal import Decimal

import pytest

from voicehub.errors import FencedError, NotFoundError, StorageError
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import settlement


def usage(audio, text=0, responses=0, heard_s=0.0):
    totals = Totals(round(audio * MILLION), text * MILLION, responses, user_audio_ms=heard_s * 1000)
    return totals.as_json()


async def settle(team, session_id, used, token=None):
    async with team.pg.connection() as conn:
        return await settlement.settle(conn, team.id, session_id, used, token=token)


async def test_settling_three_times_and_twice_at_once_counts_once(team):
    session_id = await team.add_session()
    for _ in range(3):
        await settle(team, session_id, usage(10, 3))
    await asyncio.gather(*(settle(team, session_id, usage(17, 5)) for _ in range(2)))
    assert await team.used() == (17, 5)
    row = await team.row(session_id)
    assert (row["usage"]["audio_tokens"], row["usage"]["text_tokens"]) == (17, 5)


async def test_sessions_of_a_team_settled_at_once_add_up(team):
    ids = [await team.add_session() for _ in range(6)]
    steps = [(i, amount) for amount in (1, 5, 9) for i in ids]
    await asyncio.gather(*(settle(team, i, usage(amount, amount)) for i, amount in steps))
    assert await team.used() == (54, 54)


async def test_parts_of_a_token_are_kept(team):
    session_id = await team.add_session()
    settled = await settle(team, session_id, usage(0.25))
    assert (settled.audio, settled.used_audio) == (250_000, 250_000)
    await settle(team, session_id, usage(1.000001))
    assert await team.used() == (Decimal("1.000001"), 0)


async def test_older_totals_change_nothing(team):
    session_id = await team.add_session()
    await settle(team, session_id, usage(10, 3, 2, 30.0))
    for older in (usage(9, 3, 2, 30.0), usage(11, 2, 2, 30.0), usage(10, 3, 2, 29.9), usage(0)):
        settled = await settle(team, session_id, older)
        assert (settled.audio, settled.used_audio) == (10 * MILLION, 10 * MILLION)
    assert await team.used() == (10, 3)
    assert (await team.row(session_id))["usage"]["user_audio_seconds"] == 30.0


async def test_an_old_owner_settles_nothing(team):
    session_id = await team.add_session(fence=3)
    with pytest.raises(FencedError):
        await settle(team, session_id, usage(10), token=2)
    await settle(team, session_id, usage(4), token=3)
    assert await team.used() == (4, 0)


async def test_the_subscription_that_covers_now_is_charged(team):
    await team.run(
        "INSERT INTO subscriptions (team_id, plan_id, status, current_period_start) "
        "SELECT team_id, plan_id, 'expired', now() FROM subscriptions RETURNING id"
    )
    await settle(team, await team.add_session(), usage(5))
    assert await team.used() == (5, 0)


async def test_usage_is_not_swallowed_where_nothing_can_be_charged(team):
    session_id = await team.add_session()
    with pytest.raises(NotFoundError):
        await settle(team, session_id + 1, usage(1))
    await team.run("DELETE FROM subscriptions")
    with pytest.raises(StorageError):
        await settle(team, session_id, usage(1))
    assert (await team.row(session_id))["usage"]["audio_tokens"] == 0


async def test_what_ended_lately_is_looked_at_once_more(team):
    running = await team.add_session()
    await team.add_session("created")
    lately = await team.add_session("completed")
    long_ago = await team.add_session("failed")
    await team.run("UPDATE sessions SET ended_at = now() WHERE id = $1", lately)
    await team.run("UPDATE sessions SET ended_at = '2020-01-01' WHERE id = $1", long_ago)
    async with team.pg.connection() as conn:
        found = await settlement.unsettled(conn, 0, 10)
        assert [(each.session_id, each.has_ended) for each in found] == [
            (running, False),
            (lately, True),
        ]
        (only,) = await settlement.unsettled(conn, running, 10)
        assert only.session_id == lately


async def test_a_team_s_sessions_are_found_while_they_may_have_something_left(team):
    live, paused = [await team.add_session(status=each) for each in ("in_progress", "paused")]
    ended, older = [await team.add_session(status="completed") for _ in range(2)]
    await team.add_session(status="created")
    await team.run(
        "UPDATE sessions SET ended_at = now() - make_interval(hours => CASE WHEN id = $1 THEN 0"
        " ELSE 2 END) WHERE status = 'completed' RETURNING id",
        ended,
    )
    async with team.pg.connection() as conn:
        found = await settlement.unsettled_of(conn, team.id)
        assert [(each.session_id, each.has_ended) for each in found] == [
            (live, False),
            (paused, False),
            (ended, True),
        ]
        assert await settlement.unsettled_of(conn, team.id + 1) == []
    assert older
