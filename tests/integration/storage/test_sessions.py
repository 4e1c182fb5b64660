import asyncpg
import pytest

from voicehub.errors import AuthenticationError, NotFoundError
from voicehub.storage import sessions
from voicehub.storage.sessions import Limits

LIMITS = Limits(per_user=5, per_team=5, created_life_s=600)


@pytest.fixture
async def rows(pg):
    """A team, its user and its agent, by the names of their tables."""
    async with pg.connection() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('One', 'one') RETURNING id"
        )
        user_id = await conn.fetchval(
            "INSERT INTO users (team_id, email, display_name, settings)"
            " VALUES ($1, 'ada@one.example', 'Ada', '{}') RETURNING id",
            team_id,
        )
        agent_id = await conn.fetchval(
            "INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, settings)"
            " VALUES ($1, 'Own', '', '', '{}') RETURNING id",
            team_id,
        )
    return {"team": team_id, "users": user_id, "ai_agents": agent_id}


@pytest.mark.parametrize("table", ["team", "users", "ai_agents"])
async def test_what_a_new_session_refers_to_cannot_be_deleted_before_it_is_committed(
    pg, rows, table
):
    async with pg.transaction() as conn, pg.connection() as other:
        await sessions.create(conn, rows["team"], rows["users"], rows["ai_agents"], {}, LIMITS)
        # What a delete takes first, by the rule of the house.
        lock = f"SELECT id FROM {table} WHERE id = $1 FOR UPDATE NOWAIT"
        with pytest.raises(asyncpg.LockNotAvailableError):
            await other.fetchval(lock, rows[table])
    async with pg.connection() as other:
        assert await other.fetchval(lock, rows[table]) == rows[table]


async def test_a_session_refers_to_nothing_that_is_not_there(pg, rows):
    team_id, user_id, agent_id = rows.values()
    async with pg.connection() as conn:
        with pytest.raises(AuthenticationError):
            await sessions.create(conn, team_id + 1, user_id, agent_id, {}, LIMITS)
        with pytest.raises(AuthenticationError):
            await sessions.create(conn, team_id, user_id + 1, agent_id, {}, LIMITS)
        with pytest.raises(NotFoundError):
            await sessions.create(conn, team_id, user_id, agent_id + 1, {}, LIMITS)
        assert await conn.fetchval("SELECT count(*) FROM sessions") == 0


async def test_what_people_said_is_not_in_a_repr(pg, rows):
    async with pg.connection() as conn:
        row = await sessions.create(conn, *rows.values(), {"name": "Ada Lovelace"}, LIMITS)
        assert await sessions.get(conn, rows["team"], row.id) == row
        assert await sessions.get(conn, rows["team"] + 1, row.id) is None
    assert "Lovelace" not in repr(row)
