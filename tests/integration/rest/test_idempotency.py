"""Creating requests that come twice, one after the other and at once."""

import asyncio
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from voicehub import keys
from voicehub.errors import ConflictError
from voicehub.rest import answer, body
from voicehub.rest.fields import Shown
from voicehub.rest.middleware import Access, answer_errors, guarded
from voicehub.rest.operation import operation
from voicehub.storage.postgres import Postgres
from voicehub.telemetry.telemetry import Telemetry

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
FEEDBACK = {"rating": 3}


class Thing(Shown):
    number: int


class NewThing(body.Body):
    name: str


class Things:
    """An operation that counts how often it ran, and the server that it runs on."""

    def __init__(self):
        self.runs = 0
        self.fault = None
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.began = asyncio.Event()

        @operation("Make", answers=Thing, status=HTTPStatus.CREATED, is_idempotent=True)
        async def make(_, asked: NewThing):
            self.runs += 1
            number = self.runs
            self.began.set()
            await self.may_end.wait()
            if self.fault:
                raise self.fault
            headers = {"Location": f"/things/{number}", "X-Other": "no"}
            return answer.shown(Thing(number=number), HTTPStatus.CREATED, headers)

        @operation("Make nothing", is_idempotent=True)
        async def make_nothing(_):
            self.runs += 1

        self.make, self.make_nothing = make, make_nothing

    def app(self, settings, tokens, postgres):
        app = web.Application(middlewares=[answer_errors])
        app[keys.SETTINGS], app[keys.TOKENS], app[keys.POSTGRES] = settings, tokens, postgres
        app[keys.TELEMETRY] = Telemetry()
        app.router.add_route("POST", "/things", guarded(self.make, Access.USER))
        app.router.add_route("POST", "/nothing", guarded(self.make_nothing, Access.USER))
        return app


@pytest.fixture
def things():
    return Things()


@pytest.fixture
async def make(things, web_client, settings, tokens, pg):
    async with TestClient(TestServer(things.app(settings, tokens, pg))) as client:

        async def ask(name="x", *, who="ada", path="/things", headers=KEY, **more):
            proof = {"Authorization": f"Bearer {await web_client.token(who)}"}
            sent = {"json": {"name": name}} if path == "/things" else {}
            return await client.post(path, headers={**proof, **headers}, **{**sent, **more})

        yield ask


async def test_a_repeat_gets_the_first_answer_and_makes_nothing(make, things):
    first, second = await make(), await make()
    assert [each.status for each in (first, second)] == [201, 201]
    assert await first.read() == await second.read() == b'{"number":1}'
    assert things.runs == 1
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    for name in ("Location", "Content-Type"):
        assert second.headers[name] == first.headers[name]


async def test_the_quotes_of_the_draft_mean_the_same_key(make, things):
    await make()
    quoted = {"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'}
    assert "Idempotent-Replayed" in (await make(headers=quoted)).headers


async def test_without_a_key_each_request_makes_one(make, things):
    await make(headers={})
    await make(headers={})
    assert things.runs == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, '"', "é", "a,b"])
async def test_an_unfit_key_is_refused(make, things, key):
    response = await make(headers={"Idempotency-Key": key})
    problem = await response.json()
    assert (response.status, problem["code"]) == (400, "invalid_idempotency_key")
    assert things.runs == 0


async def test_a_key_means_one_request(make, things):
    await make()
    for other in ({"name": "y"}, {"path": "/nothing"}):
        response = await make(**other)
        problem = await response.json()
        assert (response.status, problem["code"]) == (422, "idempotency_key_reused")
    assert things.runs == 1


async def test_a_key_is_its_users_own(make, things):
    await make()
    assert await (await make(who="root")).json() == {"number": 2}


async def test_of_two_at_once_one_runs_and_the_other_comes_again(make, things):
    things.may_end.clear()
    async with asyncio.TaskGroup() as asking:
        first = asking.create_task(make())
        await things.began.wait()
        second = await make()
        problem = await second.json()
        assert (second.status, problem["code"]) == (409, "idempotency_key_in_use")
        assert second.headers["Retry-After"] == "1"
        things.may_end.set()
    assert first.result().status == 201
    assert await (await make()).json() == {"number": 1}


async def test_of_many_at_the_same_moment_one_runs(make, things):
    found = await asyncio.gather(*(make() for _ in range(12)))
    assert things.runs == 1
    assert {each.status for each in found} <= {201, 409}


@pytest.mark.parametrize("fault", [ConflictError("Taken."), RuntimeError("ours")])
async def test_a_request_that_fails_frees_its_key(make, things, fault):
    things.fault = fault
    assert (await make()).status in {409, 500}
    things.fault = None
    response = await make("another body")
    assert (response.status, await response.json()) == (201, {"number": 2})


async def test_a_body_that_is_refused_frees_its_key(make, things):
    assert (await make(json={"nome": 1})).status == 400
    assert (await make()).status == 201


async def test_an_empty_answer_is_kept_too(make, things):
    for _ in range(2):
        assert (await make(path="/nothing")).status == 204
    assert things.runs == 1


async def test_a_dead_request_frees_its_key_after_a_minute(make, things, web_client):
    claim = (
        "INSERT INTO idempotency_keys (actor, key, request_hash, updated_at)"
        " SELECT actor, $1, request_hash, now() - make_interval(secs => $2)"
        " FROM idempotency_keys ORDER BY id LIMIT 1"
    )
    # A request of the same body leaves its hash; its server dies with another that is under way.
    await make(headers={"Idempotency-Key": "other"})
    await web_client.run(claim, KEY["Idempotency-Key"], 55.0)
    assert (await make()).status == 409
    await web_client.run("DELETE FROM idempotency_keys WHERE key <> 'other'")
    await web_client.run(claim, KEY["Idempotency-Key"], 65.0)
    runs = things.runs
    assert (await make()).status == 201
    assert things.runs == runs + 1
    assert "Idempotent-Replayed" in (await make()).headers


async def test_what_was_done_is_answered_even_when_the_answer_cannot_be_kept(
    things, web_client, settings, tokens, database_url
):
    postgres = await Postgres.connect(database_url)
    things.may_end.clear()
    async with TestClient(TestServer(things.app(settings, tokens, postgres))) as client:
        headers = {"Authorization": f"Bearer {await web_client.token('ada')}", **KEY}
        async with asyncio.TaskGroup() as asking:
            made = asking.create_task(client.post("/things", headers=headers, json={"name": "x"}))
            await things.began.wait()
            await postgres.close()
            things.may_end.set()
        assert made.result().status == 201


async def test_a_body_that_never_ends_is_not_waited_for(make, things, monkeypatch):
    monkeypatch.setattr(body, "BODY_READ_S", 0.05)
    never = asyncio.Event()

    async def drip():
        yield b'{"name":'
        await never.wait()

    response = await make(
        json=None, data=drip(), headers={**KEY, "Content-Type": "application/json"}
    )
    assert response.status == 408


async def test_the_answers_of_a_rotated_signing_key_are_still_found(
    things, web_client, settings, tokens, pg
):
    old = settings.jwt_keys
    for jwt_keys in (old, ["k2:" + "t" * 40, *old]):
        rotated = settings.model_copy(update={"jwt_keys": jwt_keys})
        async with TestClient(TestServer(things.app(rotated, tokens, pg))) as client:
            headers = {"Authorization": f"Bearer {await web_client.token('ada')}", **KEY}
            response = await client.post("/things", headers=headers, json={"name": "x"})
            assert response.status == 201
    assert things.runs == 1


async def test_what_was_sent_cannot_be_tried_out_on_the_table(make, web_client):
    await make("a password")
    row = await web_client.run("SELECT idempotency_keys::text FROM idempotency_keys")
    assert "a password" not in row


async def test_a_feedback_is_given_once(web_client):
    found = await asyncio.gather(
        *(web_client.post("/v1/feedbacks", FEEDBACK, headers=KEY) for _ in range(5))
    )
    assert {response.status for response, _ in found} <= {201, 409}
    assert await web_client.run("SELECT count(*) FROM feedbacks") == 1
    response, _ = await web_client.post("/v1/feedbacks", FEEDBACK, headers=KEY)
    assert response.headers["Idempotent-Replayed"] == "true"
