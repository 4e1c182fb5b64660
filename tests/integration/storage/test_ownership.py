import asyncio
import random

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


async def test_starting_gives_a_greater_token_each_time(team):
    session_id = await team.add_session("paused", fence=4)
    async with team.pg.connection() as conn:
        assert await ownership.start(conn, team.id, session_id) == 5
        with pytest.raises(ConflictError):
            await ownership.start(conn, team.id, session_id)


@pytest.mark.parametrize("status", ["in_progress", "completed", "failed"])
async def test_what_runs_or_has_ended_does_not_start(team, status):
    session_id = await team.add_session(status)
    async with team.pg.connection() as conn:
        with pytest.raises(ConflictError):
            await ownership.start(conn, team.id, session_id)
        with pytest.raises(ConflictError):
            await ownership.start(conn, team.id + 1, session_id)


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
