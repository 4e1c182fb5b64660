import pytest

from voicehub.errors import ConflictError, StorageError
from voicehub.storage import members, users
from voicehub.storage.page import Window


async def add(conn, team, email="a@t.example"):
    return await members.create(conn, team.id, email=email, display_name="A", password_hash="h")


async def test_a_member_has_no_secret(pg, team):
    async with pg.connection() as conn:
        made = await add(conn, team)
        await conn.execute("UPDATE users SET google_id = 'google-1' WHERE id = $1", made.id)
        found = await members.get(conn, team.id, made.id)
    assert (found.has_password, found.has_google) == (True, True)
    assert "google-1" not in repr(found)
    assert not hasattr(found, "password_hash")


async def test_another_teams_user_is_not_found_nor_changed(pg, team):
    async with pg.transaction() as conn:
        for found in (members.get, members.lock_for_update, members.anonymize):
            assert await found(conn, team.id + 1, team.user_id) is None
        assert not await members.delete(conn, team.id + 1, team.user_id)
        assert (await members.get(conn, team.id, team.user_id)).email == "u@t.example"


async def test_one_address_is_one_user_of_the_team(pg, team):
    async with pg.connection() as conn:
        with pytest.raises(ConflictError) as raised:
            await add(conn, team, "u@t.example")
        assert raised.value.code == "email_taken"
        other = await add(conn, team)
        with pytest.raises(ConflictError):
            await members.update(
                conn, team.id, other.id, email="u@t.example", display_name="A", settings={}
            )


async def test_lists_are_of_a_team_or_of_all(pg, team):
    async with pg.connection() as conn:
        made = await add(conn, team)
        rows = (await members.list_page(conn, team.id, Window(5))).rows
        assert [row.id for row in rows] == [made.id, team.user_id]
        rows = (await members.list_page(conn, team.id, Window(5), "a@t.example")).rows
        assert [row.id for row in rows] == [made.id]
        assert (await members.list_page(conn, team.id + 1, Window(5))).rows == []
        rows = (await members.list_all(conn, Window(5, descending=False))).rows
        assert [row.id for row in rows] == [team.user_id, made.id]
        rows = (await members.list_all(conn, Window(5), "u@t.example")).rows
        assert [row.id for row in rows] == [team.user_id]


async def test_an_anonymized_user_has_nothing_of_the_person(pg, team):
    async with pg.connection() as conn:
        made = await add(conn, team)
        await members.anonymize(conn, team.id, made.id)
        row = dict(await conn.fetchrow("SELECT * FROM users WHERE id = $1", made.id))
    assert row["email"] == f"deleted-{made.id}@invalid"
    assert (row["password_hash"], row["google_id"], row["settings"]) == (None, None, {})
    assert row["display_name"] == "Deleted user"


async def test_a_user_whom_a_write_refers_to_is_not_deleted_before_it_is_committed(pg, team):
    async with pg.transaction() as conn:
        await users.lock_for_reference(conn, team.id, team.user_id)
        with pytest.raises(StorageError, match="QueryCanceledError"):
            await delete_at_once(pg, team)


async def delete_at_once(pg, team):
    async with pg.transaction() as conn:
        await conn.execute("SET LOCAL statement_timeout = 50")
        await members.delete(conn, team.id, team.user_id)


SESSION = (
    "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
    " VALUES ($1, 1, 1, 'completed', now(), '{}', '{}')"
)


@pytest.mark.parametrize(
    "refers",
    [
        "UPDATE ai_agents SET creator_id = $1",
        "INSERT INTO feedbacks (user_id, team_id, data) VALUES ($1, 1, '{}')",
        SESSION,
    ],
)
async def test_a_user_whom_a_row_refers_to_is_not_deleted(pg, team, refers):
    await team.run(refers, team.user_id)
    with pytest.raises(ConflictError) as raised:
        async with pg.transaction() as conn:
            await members.delete(conn, team.id, team.user_id)
    assert raised.value.code == "still_referenced"
    assert await team.run("SELECT count(*) FROM users") == 1
