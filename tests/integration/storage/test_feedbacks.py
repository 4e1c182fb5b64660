import asyncpg
import pytest

from voicehub.errors import AuthenticationError, ClientError, NotFoundError
from voicehub.storage import feedbacks
from voicehub.storage.feedbacks import Filters
from voicehub.storage.page import Window


async def give(conn, team, *, session_id=None, agent_id=None, **said):
    return await feedbacks.create(
        conn, team.id, team.user_id, session_id=session_id, agent_id=agent_id, said=said
    )


async def test_what_people_said_is_not_in_a_repr(pg, team):
    async with pg.connection() as conn:
        row = await give(conn, team, comment="secret words")
        assert await feedbacks.get(conn, team.id, row.id) == row
        assert await feedbacks.get(conn, team.id + 1, row.id) is None
    assert "secret" not in repr(row)


@pytest.mark.parametrize("table", ["team", "users", "ai_agents", "sessions"])
async def test_what_a_feedback_refers_to_cannot_be_deleted_before_it_is_committed(pg, team, table):
    session_id = await team.add_session()
    ids = {"team": team.id, "users": team.user_id, "ai_agents": team.agent_id}
    ids["sessions"] = session_id
    about = {"agent_id": team.agent_id} if table == "ai_agents" else {"session_id": session_id}
    async with pg.transaction() as conn, pg.connection() as other:
        await give(conn, team, **about, rating=1)
        # What a delete takes first, by the rule of the house.
        lock = f"SELECT id FROM {table} WHERE id = $1 FOR UPDATE NOWAIT"
        with pytest.raises(asyncpg.LockNotAvailableError):
            await other.fetchval(lock, ids[table])


async def test_a_feedback_refers_to_nothing_that_is_not_there(pg, team):
    session_id = await team.add_session()
    async with pg.connection() as conn:
        for about, error in (
            ({"session_id": session_id + 1}, NotFoundError),
            ({"agent_id": team.agent_id + 1}, NotFoundError),
            ({"session_id": session_id, "agent_id": team.agent_id + 1}, ClientError),
        ):
            with pytest.raises(error):
                await give(conn, team, **about, rating=1)
        team.user_id += 1
        with pytest.raises(AuthenticationError):
            await give(conn, team, rating=1)
        team.id += 1
        with pytest.raises(AuthenticationError):
            await give(conn, team, rating=1)
        assert await conn.fetchval("SELECT count(*) FROM feedbacks") == 0


async def test_filters_find_what_stands_in_the_json(pg, team):
    session_id = await team.add_session()
    async with pg.connection() as conn:
        first = await give(conn, team, session_id=session_id, rating=5)
        second = await give(conn, team, rating=5)

        async def found(*, descending=True, **filters):
            window = Window(5, descending)
            own = await feedbacks.list_page(conn, team.id, Filters(**filters), window)
            every = await feedbacks.list_all(conn, Filters(**filters), window)
            assert own == every
            return [row.id for row in own.rows]

        assert await found() == [second.id, first.id]
        assert await found(descending=False, rating=5) == [first.id, second.id]
        assert await found(session_id=session_id) == [first.id]
        assert await found(user_id=team.user_id + 1) == []
        assert await found(rating=4) == []


async def test_a_feedback_is_changed_and_deleted(pg, team):
    async with pg.transaction() as conn:
        row = await give(conn, team, rating=5)
        assert await feedbacks.lock_for_update(conn, team.id, row.id) == row
        changed = await feedbacks.update(conn, team.id, row.id, {"rating": 1})
        assert changed.data == {"rating": 1}
        await feedbacks.delete(conn, team.id + 1, row.id)
        assert await feedbacks.get(conn, team.id, row.id) is not None
        await feedbacks.delete(conn, team.id, row.id)
        assert await feedbacks.lock_for_update(conn, team.id, row.id) is None
