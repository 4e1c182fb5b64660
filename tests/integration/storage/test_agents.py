import asyncio

import pytest

from voicehub.errors import NotFoundError
from voicehub.storage import agents, sessions
from voicehub.storage.page import Window
from voicehub.tasks import spawn


@pytest.fixture
async def add(pg):
    async def add(name, team_id=None):
        async with pg.connection() as conn:
            return await conn.fetchval(
                "INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, is_built_in,"
                " settings) VALUES ($1, $2, 'persona', 'system', $3, '{}') RETURNING id",
                team_id,
                name,
                team_id is None,
            )

    return add


async def test_an_id_comes_before_a_name_that_looks_like_one(pg, add):
    first = await add("first", 1)
    named = await add(f"agent_{first}", 1)
    hidden = await add("hidden", 2)
    lookalike = await add(str(hidden), 1)
    async with pg.connection() as conn:
        for reference, expected in (
            (str(first), first),
            (f"agent_{first}", first),
            (str(named), named),
            # Another team's id is nobody's: here the name counts.
            (str(hidden), lookalike),
        ):
            assert (await agents.resolve(conn, 1, reference)).id == expected


async def test_of_two_agents_with_a_name_the_own_and_the_older_is_meant(pg, add):
    built_in = await add("Ava")
    async with pg.connection() as conn:
        assert (await agents.resolve(conn, 1, "Ava")).id == built_in
        own = await add("Ava", 1)
        await add("Ava", 1)
        assert (await agents.resolve(conn, 1, "Ava")).id == own
        assert (await agents.resolve(conn, 2, "Ava")).id == built_in


@pytest.mark.parametrize("reference", ["", "a\0", "\ud800", "9" * 19, "9" * 30, "agent_", "\u0661"])
async def test_odd_references_mean_nobody(pg, reference):
    async with pg.connection() as conn:
        assert await agents.resolve(conn, 1, reference) is None


async def test_a_deleted_agent_is_nobody(pg, add):
    agent_id = await add("Own", 1)
    async with pg.connection() as conn:
        assert (await agents.get(conn, 1, agent_id)).name == "Own"
        await conn.execute("UPDATE ai_agents SET deleted_at = now()")
        assert await agents.get(conn, 1, agent_id) is None
        assert await agents.resolve(conn, 1, "Own") is None
        assert not await agents.lock_for_reference(conn, 1, agent_id)


async def somebody_waits(conn):
    """Return once another transaction waits for a lock."""
    async with asyncio.timeout(10):
        while not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            pass


async def test_a_deletion_waits_for_a_session_that_is_being_created(pg, team):
    async def delete():
        async with pg.transaction() as conn:
            assert await agents.lock_for_delete(conn, team.id, team.agent_id)
            await agents.set_deleted(conn, team.agent_id, is_deleted=True)

    async with pg.connection() as conn:
        async with conn.transaction():
            assert await agents.lock_for_reference(conn, team.id, team.agent_id)
            deleting = spawn(delete(), name="delete")
            await somebody_waits(conn)
        await deleting
        assert not await agents.lock_for_reference(conn, team.id, team.agent_id)


async def test_a_session_that_waited_for_a_deletion_does_not_find_the_agent(pg, team):
    async def create():
        async with pg.connection() as conn:
            limits = sessions.Limits(per_user=9, per_team=9, created_life_s=60)
            await sessions.create(conn, team.id, team.user_id, team.agent_id, {}, limits)

    async with pg.transaction() as conn:
        await agents.lock_for_delete(conn, team.id, team.agent_id)
        await agents.set_deleted(conn, team.agent_id, is_deleted=True)
        creating = spawn(create(), name="create")
        await somebody_waits(conn)
    with pytest.raises(NotFoundError):
        await creating


async def test_built_in_agents_belong_to_nobody_who_asks_for_a_teams(pg, add):
    built_in, own = await add("Ava"), await add("Own", 1)
    async with pg.transaction() as conn:
        for lock in (agents.lock_for_change, agents.lock_for_delete):
            assert (await lock(conn, 1, own)).id == own
            assert (await lock(conn, None, built_in)).id == built_in
            assert await lock(conn, None, own) is None
            assert await lock(conn, 1, built_in) is None
            assert await lock(conn, 2, own) is None


async def test_a_team_lists_its_own_and_the_built_in_agents(pg, add):
    async with pg.connection() as conn:
        await add("Ava")
        await add("Own", 1)
        await add("Other", 2)
        page = await agents.list_page(conn, 1, agents.Filters(), Window(20))
        assert [agent.name for agent in page.rows] == ["Own", "Ava"]
