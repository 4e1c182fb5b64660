"""Calls of tools over real HTTP on loopback: what is sent, what comes back, what fails and how."""

import asyncio
import base64
import gzip
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from voicehub.live.tools import (
    ARGUMENTS_BYTES_MAX,
    CALLS_MAX,
    REQUESTS_MAX,
    Toolbox,
    ToolRunner,
    Whose,
)
from voicehub.remotes import ToolSettings
from voicehub.session.commands import CallTool

STEP_S_MAX = 15.0
WHOSE = Whose(session_id=7, agent_id=12, team_id=3, user_id=5)
Answer = Callable[[web.Request], web.StreamResponse]


class Endpoints:
    """A server with one path a tool, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()
        self.at_once = self.at_once_max = 0
        app = web.Application()
        app.router.add_post("/{how}", self._answer)
        self.server = TestServer(app)

    def url(self, how: str) -> str:
        return str(self.server.make_url(f"/{how}"))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.asked.append(request)
        self.arrived.set()
        return await getattr(self, f"_{request.match_info['how']}")(request)

    async def _fine(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"sky": "clear"})

    async def _empty(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    async def _broken(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="a secret trace")

    async def _elsewhere(self, _request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(self.url("fine"))

    async def _slow(self, _request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        try:
            await self.release.wait()
        finally:
            self.at_once -= 1
        return web.Response(text="late")

    async def _long(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        # For ever: the reader must stop by itself.
        while True:
            await response.write("ä\0".encode() * 10_000)

    async def _packed(self, _request: web.Request) -> web.StreamResponse:
        packed = gzip.compress(b"0" * 1_000_000)
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async def _gone(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


@pytest.fixture
async def endpoints() -> AsyncIterator[Endpoints]:
    running = Endpoints()
    await running.server.start_server()
    yield running
    running.release.set()
    await running.server.close()


@pytest.fixture
async def runner_of(endpoints) -> AsyncIterator[Callable]:
    """A runner with one tool for each way to answer; more settings are keyword arguments."""
    opened: list[tuple[Toolbox, ToolRunner]] = []

    async def make(*hows: str, **settings) -> ToolRunner:
        given = {"allow_private": True, **settings}
        configured = {how: ToolSettings(url=endpoints.url(how), **given) for how in hows}
        toolbox = await Toolbox(configured).__aenter__()
        opened.append((toolbox, ToolRunner(toolbox.endpoints, WHOSE)))
        return opened[-1][1]

    yield make
    for toolbox, runner in opened:
        await runner.aclose()
        await toolbox.__aexit__(None, None, None)


async def outcome(runner: ToolRunner, name: str, arguments: str = "{}") -> str:
    runner.start(CallTool("call_1", name, arguments))
    async with asyncio.timeout(STEP_S_MAX):
        answer = await runner.answered()
    assert answer.call_id == "call_1"
    return answer.output


async def error(runner: ToolRunner, name: str, arguments: str = "{}") -> str:
    return orjson.loads(await outcome(runner, name, arguments))["error"]


async def test_a_tool_is_told_what_the_model_asks_and_for_whom(endpoints, runner_of):
    runner = await runner_of("fine")
    assert orjson.loads(await outcome(runner, "fine", '{"city": "Bern"}')) == {"sky": "clear"}
    assert orjson.loads(endpoints.bodies[0]) == {
        "call_id": "call_1",
        "name": "fine",
        "arguments": {"city": "Bern"},
        "session_id": 7,
        "agent_id": 12,
        "team_id": 3,
        "user_id": 5,
    }
    assert "webhook-signature" not in endpoints.asked[0].headers


async def test_a_request_is_signed_where_a_key_is_named(endpoints, runner_of, monkeypatch):
    monkeypatch.setenv("LOOKUP_KEY", "whsec_" + base64.b64encode(b"our key").decode())
    await outcome(await runner_of("fine", secret_env="LOOKUP_KEY"), "fine")
    headers = endpoints.asked[0].headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    digest = hmac.new(b"our key", signed + endpoints.bodies[0], hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("value", ["", "whsec_???"])
async def test_a_tool_whose_key_is_missing_is_not_there(runner_of, monkeypatch, value):
    monkeypatch.setenv("LOOKUP_KEY", value)
    with capture_logs() as logs:
        runner = await runner_of("fine", secret_env="LOOKUP_KEY")
    assert [(each["log_level"], each["variable"]) for each in logs] == [("warning", "LOOKUP_KEY")]
    assert await error(runner, "fine") == "There is no such tool."


async def test_an_empty_answer_is_an_answer(runner_of):
    assert await outcome(await runner_of("empty"), "empty") == ""


async def test_an_answer_that_is_too_long_is_cut_and_says_so(runner_of):
    output = await outcome(await runner_of("long", response_bytes_max=10), "long")
    assert output == "äää\n[cut: the tool's answer was longer than 10 bytes]"


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("broken", "The tool answered with HTTP status 500."),
        ("elsewhere", "The tool answered with HTTP status 302."),
        ("packed", "The tool's answer came compressed, which was not asked for."),
        ("gone", "The tool could not be reached."),
    ],
)
async def test_a_tool_that_fails_is_told_to_the_model(endpoints, runner_of, how, told):
    assert await error(await runner_of(how), how) == told
    assert len(endpoints.asked) == 1


async def test_a_tool_that_is_too_slow_is_told_to_the_model(runner_of):
    runner = await runner_of("slow", timeout_s=0.05)
    assert await error(runner, "slow") == "The tool did not answer in time."


async def test_a_tool_where_nobody_listens_is_told_to_the_model(runner_of, endpoints):
    runner = await runner_of("fine")
    await endpoints.server.close()
    assert await error(runner, "fine") == "The tool could not be reached."


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "127.1"])
async def test_a_private_address_is_refused_however_it_is_written(endpoints, host):
    url = f"http://{host}:{endpoints.server.port}/fine"
    async with Toolbox({"fine": ToolSettings(url=url)}) as toolbox:
        runner = ToolRunner(toolbox.endpoints, WHOSE)
        told = await error(runner, "fine")
        await runner.aclose()
    # Not every system takes each spelling for an address.
    unread = host in {"2130706433", "127.1", "[::1]"} and told == "The tool could not be reached."
    assert unread or told == "The tool's address is not allowed."
    assert endpoints.asked == []


@pytest.mark.parametrize("arguments", ["[1]", "{", '"words"', "null"])
async def test_arguments_that_are_no_object_are_told_to_the_model(endpoints, runner_of, arguments):
    told = await error(await runner_of("fine"), "fine", arguments)
    assert told == "The arguments were not a JSON object."
    assert endpoints.asked == []


async def test_arguments_without_end_are_told_to_the_model(endpoints, runner_of):
    arguments = orjson.dumps({"words": "x" * ARGUMENTS_BYTES_MAX}).decode()
    assert await error(await runner_of("fine"), "fine", arguments) == "The arguments were too long."
    assert endpoints.asked == []


async def test_no_arguments_are_an_empty_object(endpoints, runner_of):
    await outcome(await runner_of("fine"), "fine", "")
    assert orjson.loads(endpoints.bodies[0])["arguments"] == {}


async def test_few_requests_of_a_session_run_at_once_and_all_are_answered(endpoints, runner_of):
    runner = await runner_of("slow")
    calls = [f"call_{number}" for number in range(CALLS_MAX + 2)]
    for call_id in calls:
        runner.start(CallTool(call_id, "slow", "{}"))
    async with asyncio.timeout(STEP_S_MAX):
        # Those beyond the limit are answered at once.
        refused = [await runner.answered(), await runner.answered()]
        while len(endpoints.asked) < REQUESTS_MAX:
            endpoints.arrived.clear()
            await endpoints.arrived.wait()
        endpoints.release.set()
        answered = [await runner.answered() for _ in range(CALLS_MAX)]
    assert [each.call_id for each in refused] == calls[CALLS_MAX:]
    assert {each.call_id for each in answered} == set(calls[:CALLS_MAX])
    assert endpoints.at_once_max == REQUESTS_MAX


async def test_a_session_that_ends_breaks_off_its_calls(endpoints, runner_of):
    runner = await runner_of("slow")
    runner.start(CallTool("call_1", "slow", "{}"))
    async with asyncio.timeout(STEP_S_MAX):
        await endpoints.arrived.wait()
        await runner.aclose()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "tool slow"] == []


async def test_what_is_asked_and_said_is_in_no_log_line(runner_of):
    runner = await runner_of("fine", "broken")
    with capture_logs() as logs:
        await outcome(runner, "fine", '{"words": "a secret question"}')
        await outcome(runner, "broken", '{"words": "a secret question"}')
    assert [each["event"] for each in logs] == ["tool answered", "tool failed"]
    assert "secret" not in repr(logs)
    assert "sky" not in repr(logs)
