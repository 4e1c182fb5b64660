"""Sessions that were created and never opened."""

import pytest

from tests.teams import add_team
from voicehub.jobs import unopened
from voicehub.jobs.unopened import end_unopened


@pytest.fixture
async def team(pg):
    return await add_team(pg)


async def test_what_nobody_can_open_any_more_ends_and_nothing_else(team, monkeypatch):
    monkeypatch.setattr(unopened, "BATCH", 2)
    old = [await team.add_session("created") for _ in range(5)]
    paused = await team.add_session("paused")
    await team.run("UPDATE sessions SET created_at = now() - interval '25 hours'")
    fresh = await team.add_session("created")
    assert await end_unopened(team.pg, keep_context=False) == 5
    assert await end_unopened(team.pg, keep_context=False) == 0
    for session_id in old:
        row = await team.row(session_id)
        assert (row["status"], row["data"]["ended_reason"]) == ("failed", "lost")
        assert "context" not in row["data"]
        assert row["ended_at"] is not None
    for session_id, status in ((fresh, "created"), (paused, "paused")):
        assert (await team.row(session_id))["status"] == status
