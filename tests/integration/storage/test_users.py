import pytest

from voicehub.storage import users


@pytest.fixture
async def ada(pg):
    async with pg.connection() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('One', 'one') RETURNING id"
        )
        user_id = await conn.fetchval(
            "INSERT INTO users (team_id, email, display_name, password_hash, settings)"
            " VALUES ($1, 'ada@one.example', 'Ada', 'first hash', '{}') RETURNING id",
            team_id,
        )
        return await users.get(conn, team_id, user_id)


async def test_a_user_is_found_by_address_in_any_ascii_case(pg, ada):
    async with pg.connection() as conn:
        assert await users.by_email(conn, "ada@one.example") == [ada]
        assert await users.by_email(conn, "ADA@One.Example") == [ada]
        assert await users.by_email(conn, "ada@one.example", "one") == [ada]
        assert await users.by_email(conn, "ada@one.example", "two") == []
        # The Kelvin sign lowers to k in Unicode: a look-alike is somebody else.
        assert await users.by_email(conn, "ada@\N{KELVIN SIGN}.example") == []


async def test_a_renewed_hash_does_not_undo_a_changed_password(pg, ada):
    async with pg.connection() as conn:
        await users.set_password_hash(conn, ada.team_id, ada.id, "first hash", "stronger")
        await users.set_password_hash(conn, ada.team_id, ada.id, "first hash", "too late")
        assert (await users.get(conn, ada.team_id, ada.id)).password_hash == "stronger"


async def test_a_user_belongs_to_one_team_and_shows_no_hash(pg, ada):
    async with pg.connection() as conn:
        assert await users.get(conn, ada.team_id + 1, ada.id) is None
    assert "first hash" not in repr(ada)


async def test_a_first_password_is_set_only_where_there_is_none(pg, ada):
    async with pg.connection() as conn:
        place = (ada.team_id, ada.id)
        assert not await users.set_password_hash(conn, *place, None, "another")
        await conn.execute("UPDATE users SET password_hash = NULL")
        assert await users.set_password_hash(conn, *place, None, "first")
        assert not await users.set_password_hash(conn, *place, None, "second")
        assert not await users.set_password_hash(conn, ada.team_id + 1, ada.id, "first", "x")


async def test_a_google_account_is_bound_once_and_never_replaced(pg, ada):
    async with pg.connection() as conn:
        place = (ada.team_id, ada.id)
        assert await users.by_google(conn, "g-1", "ADA@one.example") == [ada]
        assert await users.bind_google(conn, *place, "g-1")
        assert await users.bind_google(conn, *place, "g-1")
        assert not await users.bind_google(conn, *place, "g-2")
        assert not await users.bind_google(conn, ada.team_id + 1, ada.id, "g-1")
        assert await users.by_google(conn, "g-2", "ada@one.example") == []
        (bound,) = await users.by_google(conn, "g-1", "moved@one.example")
        assert bound.id == ada.id


async def test_one_google_account_is_one_user_of_a_team(pg, ada):
    async with pg.connection() as conn:
        bob_id = await conn.fetchval(
            "INSERT INTO users (team_id, email, display_name, settings)"
            " VALUES ($1, 'bob@one.example', 'Bob', '{}') RETURNING id",
            ada.team_id,
        )
        assert await users.bind_google(conn, ada.team_id, ada.id, "g-1")
        assert not await users.bind_google(conn, ada.team_id, bob_id, "g-1")
        # The bound one, though the address is Bob's now.
        (found,) = await users.by_google(conn, "g-1", "bob@one.example")
        assert found.id == ada.id


async def test_a_google_account_is_found_by_an_index(pg, ada):
    async with pg.connection() as conn:
        await conn.execute(
            "INSERT INTO users (team_id, email, display_name, google_id, settings)"
            " SELECT 1 + n % 50, n || '@many.example', 'Many', 'many-' || n, '{}'"
            " FROM generate_series(1, 20000) AS n"
        )
        await conn.execute("ANALYZE users")
        await conn.execute("ANALYZE google_accounts")
        plan = await conn.fetch(
            "EXPLAIN " + users._SQL["by_google"], "many-777", "ada@one.example", 10, None
        )
    text = "\n".join(line[0] for line in plan)
    assert "Seq Scan on users" not in text, text
    assert "Seq Scan on google_accounts" not in text, text
