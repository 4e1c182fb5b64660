"""What a new owner finds of a session: in the row, in Redis, or nothing."""

import pytest

from voicehub.errors import StorageError
from voicehub.live.takeover import left_behind
from voicehub.session.metering import MILLION, Totals
from voicehub.storage import lines, ownership, usage
from voicehub.storage.ownership import Owned


def line(item_id, order, **more):
    return {"item_id": item_id, "order": order, "transcript": item_id, "speaker": "user", **more}


@pytest.fixture
async def owned(site):
    """A session that its first owner has begun."""
    created = await site.create()
    team_id, session_id = site.teams["one"], created["id"]
    async with site.pg.connection() as conn:
        token = await ownership.start(conn, team_id, session_id)
    return Owned(team_id, session_id, token)


async def began(site, owned, at_ms=0, wall_ms=1_000):
    async with site.pg.connection() as conn:
        await ownership.begin_leg(
            conn,
            owned.team_id,
            owned.session_id,
            owned.token,
            at_ms=at_ms,
            wall_ms=wall_ms,
        )


async def book(site, owned, **totals):
    await usage.book(
        site.redis,
        owned.team_id,
        owned.session_id,
        owned.token,
        number=1,
        totals=Totals(**totals),
        audio_in_flight=0,
        settled=None,
    )


async def test_a_session_that_never_conversed_has_nothing_to_go_on_with(site, owned):
    assert await left_behind(site.pg, site.redis, owned) is None


async def test_lines_of_the_row_and_of_redis_are_one_conversation(site, owned):
    await began(site, owned)
    session = (owned.team_id, owned.session_id, owned.token)
    async with site.pg.connection() as conn:
        await ownership.fold(conn, *session, [(1, line("a", 1.0)), (2, line("b", 2.0))])
    for sequence, each in ((2, line("b", 2.0)), (3, line("a", 1.0, interrupted=True))):
        await lines.append(site.redis, *session, sequence, each)
    left = await left_behind(site.pg, site.redis, owned)
    assert [each["item_id"] for each in left.resumption.lines] == ["a", "b"]
    assert left.resumption.lines[0]["interrupted"]
    assert left.resumption.sequence == 3
    assert [sequence for sequence, _ in left.unfolded] == [3]


async def test_what_was_booked_counts_before_what_was_settled(site, owned):
    await began(site, owned)
    await book(site, owned, audio=7 * MILLION, responses=2, active_ms=4_000)
    left = await left_behind(site.pg, site.redis, owned)
    assert (left.resumption.totals.audio, left.resumption.totals.responses) == (7 * MILLION, 2)


async def test_without_a_booking_the_row_counts(site, owned):
    await began(site, owned)
    await site.run('UPDATE sessions SET usage = \'{"audio_tokens": 3, "text_tokens": 1}\'')
    left = await left_behind(site.pg, site.redis, owned)
    assert left.resumption.totals.audio == 3 * MILLION


async def test_the_clock_of_a_pause_stands_still_and_no_other(site, owned):
    await began(site, owned, at_ms=500, wall_ms=1_000)
    left = await left_behind(site.pg, site.redis, owned)
    assert left.resumption.position_ms(3_000) == 2_500
    session = (owned.team_id, owned.session_id, owned.token)
    async with site.pg.connection() as conn:
        await ownership.pause(conn, *session, duration_ms=900, at_ms=1_400)
    left = await left_behind(site.pg, site.redis, owned)
    assert left.resumption.position_ms(3_000) == 1_400


async def test_without_redis_nobody_takes_over(site, owned):
    await began(site, owned)
    key = f"{{team:{owned.team_id}}}:session:{owned.session_id}:lines"
    await site.raw_redis.set(key, "no stream")
    with pytest.raises(StorageError):
        await left_behind(site.pg, site.redis, owned)
