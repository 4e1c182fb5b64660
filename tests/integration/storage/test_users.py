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
