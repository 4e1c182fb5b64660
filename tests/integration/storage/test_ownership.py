import asyncio
import random
from decimal import Decimal

import pytest

from voicehub.errors import ConflictError, FencedError
from voicehub.session.state import EndedReason, Status
from voicehub.storage import ownership


def line(item_id, order, text="words", **more):
    return {"item_id": item_id, "order": float(order), "transcript": text, **more}


async def fold(team, session_id, entries, token=1):
    async with team.pg.connection() as conn:
        await ownership.fold(conn, team.id, session_id, token, entries)


async def lines_of(team, session_id):
    return [each["item_id"] for each in (await team.row(session_id))["data"]["transcript"]]


@pytest.mark.parametrize("status", ["created", "paused", "in_progress"])
async def test_starting_gives_a_greater_token_each_time(team, status):
    session_id = await team.add_session(status, fence=4)
    async with team.pg.connection() as conn:
        assert await ownership.start(conn, team.id, session_id) == 5
        assert await ownership.start(conn, team.id, session_id) == 6
    assert (await team.row(session_id))["status"] == "in_progress"


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_what_has_ended_does_not_start(team, status):
    session_id = await team.add_session(status)
    async with team.pg.connection() as conn:
        with pytest.raises(ConflictError):
            await ownership.start(conn, team.id, session_id)
        with pytest.raises(ConflictError):
            await ownership.start(conn, team.id + 1, session_id)


async def test_a_leg_is_noted_once(team):
    session_id = await team.add_session()
    async with team.pg.connection() as conn:
        for _ in range(2):
            await ownership.begin_leg(conn, team.id, session_id, 1, at_ms=0, wall_ms=5_000)
        assert await ownership.start(conn, team.id, session_id) == 2
        await ownership.begin_leg(conn, team.id, session_id, 2, at_ms=70, wall_ms=5_070)
        with pytest.raises(FencedError):
            await ownership.begin_leg(conn, team.id, session_id, 1, at_ms=0, wall_ms=5_000)
    assert (await team.row(session_id))["data"]["legs"] == [
        {"token": 1, "at_ms": 0, "wall_ms": 5_000},
        {"token": 2, "at_ms": 70, "wall_ms": 5_070},
    ]


async def test_a_pause_stops_the_clock_until_the_next_leg(team):
    session_id = await team.add_session()
    async with team.pg.connection() as conn:
        for _ in range(2):
            await ownership.pause(conn, team.id, session_id, 1, duration_ms=90_000, at_ms=95_000)
        row = await team.row(session_id)
        assert (row["status"], row["duration_minutes"]) == ("paused", Decimal("1.5"))
        assert row["data"]["paused_at_ms"] == 95_000
        token = await ownership.start(conn, team.id, session_id)
        assert "paused_at_ms" in (await team.row(session_id))["data"]
        await ownership.begin_leg(conn, team.id, session_id, token, at_ms=95_000, wall_ms=1)
        with pytest.raises(FencedError):
            await ownership.pause(conn, team.id, session_id, 1, duration_ms=0, at_ms=0)
    assert "paused_at_ms" not in (await team.row(session_id))["data"]


async def test_who_leaves_says_why_until_the_next_owner_comes(team):
    session_id = await team.add_session()
    async with team.pg.connection() as conn:
        await ownership.leave(
            conn, team.id, session_id, 1, duration_ms=60_000, reason=EndedReason.DRAIN
        )
        row = await team.row(session_id)
        assert (row["status"], row["data"]["leaving"]) == ("in_progress", "drain")
        await ownership.start(conn, team.id, session_id)
        assert "leaving" not in (await team.row(session_id))["data"]
        with pytest.raises(FencedError):
            await ownership.leave(
                conn, team.id, session_id, 1, duration_ms=0, reason=EndedReason.DRAIN
            )


@pytest.mark.parametrize("keep_context", [False, True])
async def test_a_paused_session_is_ended_once(team, keep_context):
    session_id = await team.add_session("paused")
    async with team.pg.connection() as conn:
        ended = [
            await ownership.end_paused(conn, team.id, session_id, keep_context=keep_context)
            for _ in range(2)
        ]
    row = await team.row(session_id)
    assert ended == [True, False]
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    assert ("context" in row["data"]) is keep_context


async def test_what_a_client_set_is_replaced_as_a_whole(team):
    session_id = await team.add_session()
    async with team.pg.connection() as conn:
        for session in ({"a": 1}, {"b": 2}):
            await ownership.set_client_session(conn, team.id, session_id, 1, session)
        with pytest.raises(FencedError):
            await ownership.set_client_session(conn, team.id, session_id, 0, {})
    assert (await team.row(session_id))["data"]["client_session"] == {"b": 2}


async def test_folding_twice_adds_nothing(team):
    session_id = await team.add_session()
    entries = [(1, line("a", 1)), (2, line("b", 2))]
    for _ in range(3):
        await fold(team, session_id, entries)
    await fold(team, session_id, [*entries, (3, line("c", 3))])
    assert await lines_of(team, session_id) == ["a", "b", "c"]


async def test_lines_that_come_late_find_their_place(team):
    session_id = await team.add_session()
    await fold(team, session_id, [(1, line("b", 2)), (2, line("d", 4))])
    await fold(team, session_id, [(3, line("c", 3)), (4, line("e", 5))])
    await fold(team, session_id, [(5, line("a", 1))])
    await fold(team, session_id, [(6, line("f", 6))])
    assert await lines_of(team, session_id) == list("abcdef")


async def test_a_corrected_line_takes_the_place_of_the_first(team):
    session_id = await team.add_session()
    await fold(team, session_id, [(1, line("a", 1, "all of it")), (2, line("b", 2))])
    await fold(team, session_id, [(3, line("a", 1, "all", interrupted=True))])
    first, second = (await team.row(session_id))["data"]["transcript"]
    assert (first["transcript"], first["interrupted"]) == ("all", True)
    assert second["item_id"] == "b"
    # A repeat of the older line changes nothing any more.
    await fold(team, session_id, [(1, line("a", 1, "all of it"))])
    assert (await team.row(session_id))["data"]["transcript"][0]["transcript"] == "all"


async def test_one_batch_may_correct_itself(team):
    session_id = await team.add_session()
    await fold(team, session_id, [(1, line("a", 1, "old")), (2, line("b", 2)), (3, line("a", 1))])
    first, _ = (await team.row(session_id))["data"]["transcript"]
    assert first["transcript"] == "words"


async def test_concurrent_folds_of_overlapping_batches_add_each_line_once(team):
    session_id = await team.add_session()
    entries = [(n, line(f"item_{n}", n)) for n in range(1, 41)]
    random.Random(7).shuffle(starts := list(range(0, 40, 2)))
    # An owner folds in order; repeats of what it folded may still be on their way beside it.
    for start in sorted(starts):
        batch = entries[: start + 2]
        await asyncio.gather(*(fold(team, session_id, batch[-size:]) for size in (2, 2, 6, 40)))
    assert await lines_of(team, session_id) == [f"item_{n}" for n in range(1, 41)]


async def test_an_old_owner_writes_nothing(team):
    session_id = await team.add_session(fence=2)
    with pytest.raises(FencedError):
        await fold(team, session_id, [(1, line("a", 1))], token=1)
    async with team.pg.connection() as conn:
        with pytest.raises(FencedError):
            await ownership.set_recording(conn, team.id, session_id, 1, {"state": "ready"}, None)
        assert not await finish(conn, team, session_id, token=1)
    row = await team.row(session_id)
    assert row["status"] == "in_progress"
    assert row["data"]["transcript"] == []
    assert "recording" not in row["data"]


async def finish(conn, team, session_id, *, token=1, keep_context=False):
    return await ownership.finish(
        conn,
        team.id,
        session_id,
        token,
        status=Status.COMPLETED,
        reason=EndedReason.IDLE,
        duration_ms=90_000,
        recording={"state": "processing"},
        keep_context=keep_context,
    )


@pytest.mark.parametrize("keep_context", [False, True])
async def test_a_session_ends_once(team, keep_context):
    session_id = await team.add_session()
    async with team.pg.connection() as conn:
        assert await finish(conn, team, session_id, keep_context=keep_context)
        ended_at = (await team.row(session_id))["ended_at"]
        assert not await finish(conn, team, session_id, keep_context=True)
    row = await team.row(session_id)
    assert row["ended_at"] == ended_at
    assert (row["status"], float(row["duration_minutes"])) == ("completed", 1.5)
    assert row["data"]["ended_reason"] == "idle"
    assert ("context" in row["data"]) is keep_context


async def test_of_many_who_seize_a_session_one_gets_it(team):
    session_id = await team.add_session(fence=4)

    async def seize(expected):
        async with team.pg.connection() as conn:
            return await ownership.seize(conn, team.id, session_id, expected)

    assert await seize(3) is None
    assert sorted(await asyncio.gather(*(seize(4) for _ in range(5))), key=str) == [5, *[None] * 4]
    assert (await team.row(session_id))["status"] == "in_progress"


async def test_a_session_that_has_ended_is_not_seized(team):
    for status in ("created", "paused", "completed", "failed"):
        session_id = await team.add_session(status=status)
        async with team.pg.connection() as conn:
            assert await ownership.seize(conn, team.id, session_id, 1) is None


async def test_sessions_in_progress_are_found_among_the_known_and_the_new(team):
    ended, live, paused, created = [
        await team.add_session(status=status, fence=2)
        for status in ("completed", "in_progress", "paused", "created")
    ]
    stale = await team.add_session(status="created")
    await team.run(
        "UPDATE sessions SET created_at = now() - interval '2 days' WHERE id = $1 RETURNING id",
        stale,
    )
    async with team.pg.connection() as conn:
        assert await ownership.in_progress(conn, [], 0) == (
            [(team.id, live)],
            [live, paused, created],
        )
        assert await ownership.in_progress(conn, [ended, live], paused) == (
            [(team.id, live)],
            [live, created],
        )
        assert await ownership.tokens(conn, [ended, live, paused]) == {live: 2}


async def test_a_session_may_have_ended_before_anybody_saw_it(team):
    session_id = await team.add_session()
    for_ever_s = 10**9
    async with team.pg.connection() as conn:
        await ownership.finish(
            conn,
            team.id,
            session_id,
            1,
            status=Status.FAILED,
            reason=EndedReason.LOST,
            duration_ms=0,
            recording={},
            keep_context=False,
            ended_s_ago=for_ever_s,
        )
    row = await team.row(session_id)
    # Not before it began.
    assert row["ended_at"] == row["started_at"]
