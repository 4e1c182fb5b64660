from voicehub.storage import teams


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
