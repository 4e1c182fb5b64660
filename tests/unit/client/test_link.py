"""When a line comes back and when not, against a server that does what a test says."""

import asyncio
from contextlib import aclosing

import aiohttp
import numpy as np
import orjson
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from voicehub.client import link as module
from voicehub.client.link import BACKLOG_CHUNKS_MAX, Link
from voicehub.client.notices import Lost, Reconnected
from voicehub.client.wire import NotOpenedError
from voicehub.errors import VoiceHubError
from voicehub.tasks import spawn, stop

STEP_S_MAX = 10


class Notices(list):
    def __init__(self):
        super().__init__()
        self.lost = asyncio.Event()

    def take(self, notice):
        self.append(notice)
        self.lost.set()


class Exchange:
    """Each socket that comes does the next step of the script."""

    def __init__(self, *steps):
        self.queries = []
        self.secrets = []
        self.heard = []
        self.grown = asyncio.Event()
        self._steps = list(steps)

    async def serve(self, request):
        self.queries.append(dict(request.query))
        self.secrets.append(request.headers["Authorization"].removeprefix("Bearer "))
        step = self._steps.pop(0)
        if isinstance(step, int):
            return web.Response(status=step)
        socket = web.WebSocketResponse(protocols=("voicehub.v1",))
        await socket.prepare(request)
        await step(self, socket)
        return socket

    async def listen(self, socket):
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.heard.append(message.data)
                self.grown.set()

    async def hears(self, count):
        async with asyncio.timeout(STEP_S_MAX):
            while len(self.heard) < count:
                self.grown.clear()
                await self.grown.wait()


def greeting(*, leg=1, event_id="event_greeting", **ours):
    session = {"voicehub": {"session_id": 7, "leg": leg, **ours}}
    return {"type": "session.created", "event_id": event_id, "session": session}


def closes(code, *bodies):
    async def step(_exchange, socket):
        for body in bodies:
            await socket.send_str(orjson.dumps(body).decode())
        await socket.close(code=code)

    return step


def stays(*bodies):
    async def step(exchange, socket):
        for body in bodies:
            await socket.send_str(orjson.dumps(body).decode())
        await exchange.listen(socket)

    return step


@pytest.fixture
async def scene():
    """A server with a script, and the line of a client that reads it."""
    servers, links = [], []
    async with aiohttp.ClientSession() as http:

        async def begin(*steps, **more):
            exchange = Exchange(*steps)
            app = web.Application()
            app.router.add_get("/", exchange.serve)
            server = TestServer(app, host="127.0.0.1")
            await server.start_server()
            servers.append(server)
            notices = Notices()
            url = str(server.make_url("/?model=Ava"))
            made = await Link.connect(http, url, "ek_first", notice=notices.take, **more)
            links.append(made)
            return exchange, made, notices

        yield begin
        for each in links:
            await each.close()
        for each in servers:
            await each.close()


async def kinds(line):
    return [body["type"] async for body, _ in line]


async def test_it_names_the_session_and_the_last_event(scene):
    said = {"type": "response.done", "event_id": "event_5"}
    exchange, line, notices = await scene(
        closes(1012, greeting(), said),
        closes(1000, greeting(event_id="event_again"), said, {**said, "event_id": "event_6"}),
    )
    created, done = "session.created", "response.done"
    assert await kinds(line) == [created, done, created, done]
    asked = {"model": "Ava", "session_id": "7", "last_event_id": "event_5"}
    assert exchange.queries == [{"model": "Ava"}, asked]
    assert notices[0] == Lost(1012)
    assert isinstance(notices[1], Reconnected)
    assert notices[1].is_continued
    assert line.close_code == 1000


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1009, 1011, 1013])
async def test_what_the_server_ended_is_over(scene, code):
    exchange, line, notices = await scene(closes(code, greeting()))
    await kinds(line)
    assert (line.close_code, len(exchange.queries), notices) == (code, 1, [])


async def test_a_server_that_names_no_session_is_not_come_back_to(scene):
    exchange, line, _ = await scene(closes(1012, {"type": "session.created", "session": {}}))
    await kinds(line)
    assert (line.close_code, len(exchange.queries)) == (1012, 1)


async def test_who_does_not_want_to_come_back_does_not(scene):
    exchange, line, notices = await scene(closes(1012, greeting()), come_back_s=0)
    await kinds(line)
    assert (line.close_code, len(exchange.queries), notices) == (1012, 1, [])


@pytest.mark.parametrize("first", [503, 502, closes(1013), closes(1011), closes(1012)])
async def test_a_server_that_cannot_yet_is_asked_again(scene, first):
    exchange, line, notices = await scene(
        closes(1012, greeting()), first, closes(1000, greeting(leg=2, event_id="event_2"))
    )
    assert await kinds(line) == ["session.created"] * 2
    assert len(exchange.queries) == 3
    assert not notices[1].is_continued


@pytest.mark.parametrize("refusal", [401, 403, 404, 409])
async def test_a_refusal_ends_it(scene, refusal):
    exchange, line, notices = await scene(closes(1012, greeting()), refusal)
    assert await kinds(line) == ["session.created"]
    assert (len(exchange.queries), line.close_code, notices) == (2, 1012, [Lost(1012)])


async def test_an_end_before_the_greeting_is_handed_on(scene):
    error = {"type": "error", "event_id": "event_9", "error": {"code": "insufficient_quota"}}
    _, line, _ = await scene(closes(1012, greeting()), closes(1008, error))
    assert await kinds(line) == ["session.created", "error"]
    assert line.close_code == 1008


async def test_a_secret_that_has_expired_is_renewed(scene):
    async def renew(session_id):
        return {"client_secret": {"value": f"ek_fresh_for_{session_id}"}}

    exchange, line, _ = await scene(
        closes(1012, greeting()), 401, closes(1000, greeting(event_id="event_2")), renew=renew
    )
    assert await kinds(line) == ["session.created"] * 2
    assert exchange.secrets == ["ek_first", "ek_first", "ek_fresh_for_7"]


async def test_without_a_fresh_secret_it_is_over(scene):
    async def renew(_session_id):
        raise VoiceHubError("The session is completed.")

    exchange, line, _ = await scene(closes(1012, greeting()), 401, renew=renew)
    await kinds(line)
    assert len(exchange.queries) == 2


async def test_it_gives_up_in_the_end(scene):
    exchange, line, notices = await scene(closes(1012, greeting()), *[503] * 50, come_back_s=0.4)
    await kinds(line)
    assert 2 <= len(exchange.queries) < 10
    assert (line.close_code, notices) == (1012, [Lost(1012)])


async def test_a_socket_that_breaks_at_once_does_not_count_as_back(scene, monkeypatch):
    """Or a server that greets and breaks would be come back to for ever."""
    monkeypatch.setattr(module, "BACKOFF_S_MAX", 0.1)
    each = [closes(1012, greeting(event_id=f"event_{number}")) for number in range(50)]
    exchange, line, _ = await scene(*each, come_back_s=0.5)
    await kinds(line)
    assert 3 <= len(exchange.queries) < 20


async def test_of_what_is_said_on_a_dead_line_the_last_is_kept(scene):
    exchange, line, notices = await scene(
        closes(1012, greeting()), 503, stays(greeting(event_id="event_2"))
    )
    chunks = [np.full(2_400, number, np.int16) for number in range(BACKLOG_CHUNKS_MAX + 5)]
    async with aclosing(aiter(line)) as received:
        await anext(received)
        reading = spawn(anext(received), name="reading")
        await notices.lost.wait()
        for chunk in chunks:
            await line.append(chunk)
        await reading
        assert isinstance(notices[-1], Reconnected)
        await line.append(np.full(2_400, 99, np.int16))
        await exchange.hears(BACKLOG_CHUNKS_MAX + 1)
    first = [np.frombuffer(each, "<i2")[0] for each in exchange.heard]
    assert first == [*range(5, BACKLOG_CHUNKS_MAX + 5), 99]


async def test_the_first_time_nothing_is_repeated(scene):
    with pytest.raises(NotOpenedError, match="503"):
        await scene(503)


async def test_a_line_that_is_left_while_it_comes_back_leaves_nothing(scene):
    _, line, notices = await scene(closes(1012, greeting()), *[503] * 50)
    reading = spawn(kinds(line), name="reading")
    await notices.lost.wait()
    await stop(reading)
