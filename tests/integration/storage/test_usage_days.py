"""What the trigger counts is what the sessions show, whatever is done to them."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

from voicehub.session.metering import MILLION, Totals
from voicehub.session.state import EndedReason, Status
from voicehub.storage import ownership, settlement, usage_days
from voicehub.storage.usage_days import Amounts, Grouping, GroupingOfAll

FROM_ROWS = """
    SELECT started_at::date AS day, agent_id, user_id, sum((usage->>'audio_tokens')::numeric)
    FROM sessions WHERE status <> 'created' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
FROM_DAYS = "SELECT day, agent_id, user_id, audio_tokens FROM usage_days ORDER BY 1, 2, 3"


def today():
    return datetime.now(UTC).date()


async def report(team, by=Grouping.DAY, first=None, last=None, groups_max=10):
    async with team.pg.connection() as conn:
        return await usage_days.report(
            conn, team.id, first or today(), last or today(), by, groups_max
        )


async def settle(team, session_id, audio, text=0):
    totals = Totals(round(audio * MILLION), text * MILLION)
    async with team.pg.connection() as conn:
        await settlement.settle(conn, team.id, session_id, totals.as_json())


async def finish(team, session_id, minutes):
    async with team.pg.connection() as conn:
        assert await ownership.finish(
            conn,
            team.id,
            session_id,
            1,
            status=Status.COMPLETED,
            reason=EndedReason.CLIENT_CLOSE,
            duration_ms=minutes * 60_000.0,
            recording={},
            keep_context=False,
        )


async def test_what_is_settled_and_spoken_counts_once(team):
    session_id = await team.add_session()
    for audio in (1.5, 1.5, 4):
        await settle(team, session_id, audio, 2)
    assert (await report(team)).totals == Amounts(Decimal(4), Decimal(2), Decimal(0), 1)
    await finish(team, session_id, 3)
    await team.run("UPDATE sessions SET data = '{}', updated_at = now()")
    assert (await report(team)).totals == Amounts(Decimal(4), Decimal(2), Decimal(3), 1)
    await team.run("DELETE FROM sessions")
    assert (await report(team)).totals.audio_tokens == 4


async def test_a_session_that_nobody_opened_counts_nothing(team):
    await team.add_session("created")
    await team.run("UPDATE sessions SET status = 'failed', ended_at = now()")
    assert await team.run("SELECT count(*) FROM usage_days") == 0


async def test_a_session_that_was_lost_at_its_very_beginning_was_opened(team):
    session_id = await team.add_session(status="created", fence=0)
    async with team.pg.connection() as conn:
        await ownership.start(conn, team.id, session_id)
    await finish(team, session_id, 0)
    assert (await report(team)).totals == Amounts(Decimal(0), Decimal(0), Decimal(0), 1)


async def test_a_session_counts_on_the_day_on_which_it_was_opened_in_utc(team):
    session_id = await team.add_session("created")
    await team.run("SET timezone = 'Asia/Tokyo'")
    await team.run(
        "UPDATE sessions SET status = 'in_progress', started_at = '2026-11-22T23:30:00Z'"
    )
    await settle(team, session_id, 5)
    found = await report(team, first=date(2026, 11, 22), last=date(2026, 11, 22))
    assert (found.totals.audio_tokens, found.totals.sessions) == (5, 1)


async def test_odd_usage_stops_no_session(team):
    session_id = await team.add_session()
    for odd in ({}, {"audio_tokens": None}, {"audio_tokens": "12"}, {"audio_tokens": [1]}, []):
        await team.run("UPDATE sessions SET usage = $1 WHERE id = $2", odd, session_id)
    await team.run("UPDATE sessions SET usage = '{\"audio_tokens\": 3}'")
    assert (await report(team)).totals.audio_tokens == 3


async def test_the_days_hold_what_the_rows_hold_after_a_storm(team):
    """Sessions of several users, days and agents, settled and ended in any order."""
    chance = random.Random(7)
    sessions = {}
    for number in range(30):
        session_id = await team.add_session()
        await team.run(
            "UPDATE sessions SET user_id = $2, agent_id = $3, started_at = $4 WHERE id = $1",
            session_id,
            number % 3,
            number % 2,
            datetime(2026, 11, 1 + number % 4, 12, tzinfo=UTC),
        )
        sessions[session_id] = 0
    # Moving rows about is nobody's act: the counts begin here.
    await team.run("DELETE FROM usage_days")
    await team.run("UPDATE sessions SET status = 'created'")
    await team.run("DELETE FROM usage_days")
    await team.run("UPDATE sessions SET status = 'in_progress'")
    for _ in range(100):
        session_id = chance.choice(list(sessions))
        sessions[session_id] += chance.randrange(50)
        await settle(team, session_id, sessions[session_id])
    async with team.pg.connection() as conn:
        assert await conn.fetch(FROM_DAYS) == await conn.fetch(FROM_ROWS)


async def test_groups_add_up_to_the_totals_and_are_as_many_as_asked_for(team):
    await team.run(
        "INSERT INTO usage_days (team_id, day, agent_id, user_id, audio_tokens, text_tokens,"
        " minutes, sessions) SELECT $1, '2026-11-01'::date + n / 8, n / 4 % 2, n % 4, n, 1, 0.5, 2"
        " FROM generate_series(0, 31) AS n",
        team.id,
    )
    days = {"first": date(2026, 11, 1), "last": date(2026, 11, 3)}
    for by, keys in (
        (Grouping.DAY, [date(2026, 11, day) for day in (1, 2, 3)]),
        (Grouping.AGENT, [1, 0]),
        (Grouping.USER, [3, 2, 1, 0]),
    ):
        found = await report(team, by, **days)
        assert [each.key for each in found.groups] == keys
        assert found.totals == Amounts(Decimal(276), Decimal(24), Decimal(12), 48)
        assert sum(each.audio_tokens for each in found.groups) == 276
        assert not found.has_more
    short = await report(team, Grouping.USER, **days, groups_max=2)
    assert (len(short.groups), short.has_more, short.totals) == (2, True, found.totals)
    async with team.pg.connection() as conn:
        await conn.execute("UPDATE usage_days SET team_id = team_id + 1 WHERE day = '2026-11-02'")
        for by, keys in ((GroupingOfAll.DAY, 3), (GroupingOfAll.TEAM, 2)):
            of_all = await usage_days.report_of_all(conn, *days.values(), by, 10)
            assert (len(of_all.groups), of_all.totals) == (keys, found.totals)
    assert (await report(team, **days)).totals.sessions == 32
