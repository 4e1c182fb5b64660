import pytest

from voicehub.errors import ConflictError, StorageError
from voicehub.storage import teams
from voicehub.storage.page import Window


async def test_a_team_is_read_and_locked_by_id(pg):
    async with pg.connection() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('One', 'one') RETURNING id"
        )
        team = await teams.get(conn, team_id)
        assert (team.id, team.label, team.name) == (team_id, "One", "one")
        assert await teams.lock_for_session(conn, team_id)
        assert await teams.get(conn, team_id + 1) is None
        assert not await teams.lock_for_session(conn, team_id + 1)


async def test_a_name_is_one_teams(pg):
    async with pg.connection() as conn:
        one, two = await teams.create(conn, "one", "One"), await teams.create(conn, "two", "Two")
        with pytest.raises(ConflictError):
            await teams.create(conn, "one", "Again")
        with pytest.raises(ConflictError):
            await teams.update(conn, two.id, name="one", label="Again")
        assert await teams.get(conn, one.id) == one


async def test_teams_are_found_by_how_their_names_begin(pg):
    async with pg.connection() as conn:
        for name in ("ab", "abc", "b"):
            await teams.create(conn, name, name)
        found = await teams.list_all(conn, Window(1), "ab")
        assert ([team.name for team in found.rows], found.has_more) == (["abc"], True)
        found = await teams.list_all(conn, Window(9, descending=False))
        assert [team.name for team in found.rows] == ["ab", "abc", "b"]


async def test_a_team_that_a_write_refers_to_is_not_deleted_before_it_is_committed(pg):
    async with pg.transaction() as conn:
        team = await teams.create(conn, "one", "One")
    async with pg.transaction() as conn:
        assert await teams.lock_for_reference(conn, team.id)
        # A team in use can be changed all the same.
        async with pg.transaction() as other:
            assert await teams.lock_for_update(other, team.id) == team
        with pytest.raises(StorageError, match="QueryCanceledError"):
            await delete_at_once(pg, team)
    async with pg.transaction() as conn:
        assert await teams.delete(conn, team.id)
        assert not await teams.delete(conn, team.id)
        assert not await teams.lock_for_reference(conn, team.id)


async def delete_at_once(pg, team):
    async with pg.transaction() as conn:
        await conn.execute("SET LOCAL statement_timeout = 50")
        await teams.delete(conn, team.id)


# What its rows are called where they keep a team, and one of them.
REFERRERS = {
    "users": "users (team_id, email, display_name, settings) VALUES ($1, 'a', 'a', '{}')",
    "agents": "ai_agents (team_id, name, persona_prompt, system_prompt, settings)"
    " VALUES ($1, 'a', '', '', '{}')",
    "sessions": "sessions (team_id, user_id, agent_id, status, started_at, data, usage)"
    " VALUES ($1, 1, 1, 'completed', now(), '{}', '{}')",
    "subscriptions": "subscriptions (team_id, plan_id, status) VALUES ($1, 1, 'expired')",
    "webhook endpoints": "webhook_endpoints (team_id, url, event_types, secret)"
    " VALUES ($1, 'https://a.example', '[]', '')",
    "feedbacks": "feedbacks (team_id, user_id, data) VALUES ($1, 1, '{}')",
}


@pytest.mark.parametrize("name", REFERRERS)
async def test_a_team_that_a_row_refers_to_is_not_deleted(pg, name):
    async with pg.connection() as conn:
        team = await teams.create(conn, "one", "One")
        await conn.execute(f"INSERT INTO {REFERRERS[name]}", team.id)
    with pytest.raises(ConflictError, match=rf"\({name}: 1\)"):
        await delete_at_once(pg, team)
