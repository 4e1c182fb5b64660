import pytest

from voicehub.storage import agents


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
