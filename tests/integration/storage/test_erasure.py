import pytest

from voicehub.errors import ConflictError, FencedError, NotFoundError
from voicehub.storage import erasure, ownership


@pytest.fixture
async def ended(team):
    session_id = await team.add_session(status="completed")
    await team.run(
        "UPDATE sessions SET ended_at = now(), data = data || $2 WHERE id = $1 RETURNING id",
        session_id,
        {"recording": {"state": "processing", "claim": 7, "next_at": 1}},
    )
    return session_id


async def test_an_owner_that_comes_late_does_not_bring_a_recording_back(team, pg, ended):
    await erasure.erase_recording(pg, team.id, ended, actor="user:1")
    async with pg.connection() as conn:
        with pytest.raises(FencedError):
            await ownership.set_recording(conn, team.id, ended, 9, {"state": "ready"}, "url")
    assert (await team.row(ended))["data"]["recording"] == {"state": "removed"}


async def test_who_comes_late_has_spaces_looked_through_again(team, pg, ended):
    await erasure.erase_recording(pg, team.id, ended, actor="user:1")
    await team.run("UPDATE erasures SET next_at = NULL, sweeps = 6")
    async with pg.connection() as conn:
        assert await erasure.due(conn, 9) == []
        await erasure.came_late(conn, team.id, ended)
        assert await erasure.due(conn, 9) == [(team.id, ended)]


async def test_nothing_comes_late_of_a_session_that_nobody_erased(team, pg, ended):
    async with pg.connection() as conn:
        await erasure.came_late(conn, team.id, ended)
        assert await erasure.due(conn, 9) == []
        assert await erasure.erased(conn, [ended]) == set()


async def test_a_session_of_another_team_is_not_there(team, pg, redis, ended):
    with pytest.raises(NotFoundError):
        await erasure.erase_session(pg, redis, team.id + 1, ended, actor="user:1")
    for erase in (erasure.erase_transcript,):
        with pytest.raises(NotFoundError):
            await erase(pg, redis, team.id + 1, ended)
    with pytest.raises(NotFoundError):
        await erasure.erase_context(pg, team.id + 1, ended)
    with pytest.raises(NotFoundError):
        await erasure.erase_recording(pg, team.id + 1, ended, actor="user:1")


async def test_what_runs_is_not_erased(team, pg, redis):
    session_id = await team.add_session(status="in_progress")
    with pytest.raises(ConflictError):
        await erasure.erase_session(pg, redis, team.id, session_id, actor="user:1")
    assert await team.run("SELECT count(*) FROM erasures") == 0
