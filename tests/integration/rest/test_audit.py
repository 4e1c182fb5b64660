"""What admins do is written down: a server with acts that end in every way."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from voicehub import keys
from voicehub.errors import ConflictError, NotFoundError
from voicehub.rest.middleware import Access, answer_errors, guarded
from voicehub.storage.postgres import Postgres
from voicehub.telemetry.telemetry import Telemetry


async def entries(site):
    async with site.pg.connection() as conn:
        return await conn.fetch("SELECT * FROM audit_entries ORDER BY id")


@pytest.fixture
async def acting(web_client, settings, tokens, pg):
    """Asks, as an admin, a server whose one route does what the test says."""
    clients = []

    async def ask(act, *, postgres=pg, method="POST"):
        app = web.Application(middlewares=[answer_errors], client_max_size=100)
        app[keys.SETTINGS], app[keys.TOKENS], app[keys.POSTGRES] = settings, tokens, postgres
        app[keys.TELEMETRY] = Telemetry()
        app.router.add_route(method, "/act/{thing_id}", guarded(act, Access.ADMIN))
        client = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        headers = {"Authorization": f"Bearer {await web_client.token('root')}"}
        return await client.request(method, "/act/7", headers=headers, data=b"x" * 200)

    yield ask
    for client in clients:
        await client.close()


async def test_an_act_is_written_down_before_it_is_done(web_client, acting):
    seen = []

    async def act(_):
        seen.extend(await entries(web_client))
        return web.Response(status=202)

    response = await acting(act)
    (before,) = seen
    assert (before["status"], before["route"]) == (None, "/act/{thing_id}")
    assert (before["target"], before["team_id"]) == ({"thing_id": "7"}, None)
    assert before["request_id"] == response.headers.get("X-Request-Id", before["request_id"])
    (after,) = await entries(web_client)
    assert (after["id"], after["status"]) == (before["id"], 202)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (NotFoundError("There is none."), 404),
        (ConflictError("It is in use."), 409),
        (web.HTTPMethodNotAllowed("POST", ["GET"]), 405),
        (RuntimeError("ours"), 500),
    ],
)
async def test_an_act_that_fails_has_the_status_of_its_answer(web_client, acting, fault, status):
    async def act(_):
        raise fault

    assert (await acting(act)).status == status
    (entry,) = await entries(web_client)
    assert entry["status"] == status


async def test_a_body_too_large_for_the_server_is_no_fault_of_ours(web_client, acting):
    async def act(request):
        return web.Response(body=await request.read())

    assert (await acting(act)).status == 413
    (entry,) = await entries(web_client)
    assert entry["status"] == 413


async def test_what_cannot_be_written_down_is_not_done(web_client, acting, database_url):
    done = []

    async def act(_):
        done.append(True)
        return web.Response()

    away = await Postgres.connect(database_url)
    await away.close()
    response = await acting(act, postgres=away)
    assert (response.status, done) == (503, [])
    assert await entries(web_client) == []


async def test_how_it_ended_is_not_known_when_postgres_went_away_meanwhile(
    web_client, acting, database_url
):
    brief = await Postgres.connect(database_url)

    async def act(_):
        await brief.close()
        return web.Response(status=201)

    # It was done, and who asked hears so.
    assert (await acting(act, postgres=brief)).status == 201
    (entry,) = await entries(web_client)
    assert entry["status"] is None


async def test_how_it_ended_is_not_known_when_it_was_cancelled(web_client, acting):
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def act(_):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with asyncio.TaskGroup() as asking:
        asked = asking.create_task(acting(act))
        await began.wait()
        asked.cancel()
    await cancelled.wait()
    (entry,) = await entries(web_client)
    assert entry["status"] is None


async def test_reads_are_not_written_down(web_client, acting):
    async def act(_):
        return web.Response()

    assert (await acting(act, method="GET")).status == 200
    for path in ("/v1/teams", f"/v1/teams/{web_client.teams['one']}/users", "/v1/admin/audit"):
        assert (await web_client.get(path, who="root"))[0].status == 200
    assert await entries(web_client) == []


async def test_users_acts_are_not_written_down_nor_what_admins_may_not_do(web_client):
    await web_client.ask("PATCH", "/v1/team", json={"label": "X"})
    await web_client.post("/v1/teams", {"name": "x", "label": "X"})
    assert await entries(web_client) == []


async def test_nothing_that_was_sent_is_written_down(web_client):
    person = {
        "email": "marker@one.example",
        "display_name": "Marker Display",
        "password": "marker password",
    }
    path = f"/v1/teams/{web_client.teams['one']}/users"
    assert (await web_client.post(path, person, who="root"))[0].status == 201
    assert (await web_client.post(path, {"marker": 1}, who="root"))[0].status == 400
    written = await entries(web_client)
    assert [entry["status"] for entry in written] == [201, 400]
    assert "marker" not in str(written).lower()


async def test_an_id_that_cannot_be_written_down_is_of_nothing(web_client):
    path = URL(f"/v1/teams/{web_client.teams['one']}/users/%00", encoded=True)
    response, _ = await web_client.ask("DELETE", path, who="root")
    assert response.status == 404
    assert await entries(web_client) == []
