from voicehub.storage import audit
from voicehub.storage.page import Window


async def add(conn, team_id, actor="user:1"):
    return await audit.add(
        conn,
        team_id,
        actor=actor,
        actor_email="root@one.example",
        method="POST",
        route="/v1/teams/{team_id}/users",
        target={"team_id": str(team_id)},
        request_id="r",
    )


async def ids(page):
    return [entry.id for entry in (await page).rows]


async def test_an_entry_has_no_status_until_it_is_known(pg):
    async with pg.connection() as conn:
        entry_id = await add(conn, 1)
        (entry,) = (await audit.list_page(conn, 1, Window(5))).rows
        assert (entry.id, entry.status, entry.target) == (entry_id, None, {"team_id": "1"})
        await audit.complete(conn, entry_id, 201)
        (entry,) = (await audit.list_page(conn, 1, Window(5))).rows
        assert entry.status == 201


async def test_a_team_has_its_own_entries_and_the_platform_all(pg):
    async with pg.connection() as conn:
        first, second = await add(conn, 1), await add(conn, 2)
        platform, third = await add(conn, None), await add(conn, 1, "service:ci")
        assert await ids(audit.list_page(conn, 1, Window(5))) == [third, first]
        assert await ids(audit.list_page(conn, 1, Window(5, descending=False))) == [first, third]
        assert await ids(audit.list_all(conn, Window(5))) == [third, platform, second, first]
        assert await ids(audit.list_all(conn, Window(1, descending=False), team_id=2)) == [second]
        assert await ids(audit.list_all(conn, Window(5), actor="service:ci")) == [third]
