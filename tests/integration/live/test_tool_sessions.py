"""Whole sessions of agents with tools on the server: real requests, and a client that sees none."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from types import SimpleNamespace

import numpy as np
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from tests.realtime import STEP_S_MAX, TRANSCRIBED, Caller
from tests.upstream import Provider
from voicehub.engines.local.engine import LocalEngine
from voicehub.engines.local.responder import BuiltInResponder
from voicehub.keys import ENGINES
from voicehub.tasks import spawn, stop

WEATHER = {
    "name": "get_weather",
    "description": "Get the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
KEY = "a key of ours"


class Shop:
    """The endpoints of an operator."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict, web.Request, bytes]] = []
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        self.release = asyncio.Event()
        app = web.Application()
        app.router.add_post("/weather", self._weather)
        app.router.add_post("/never", self._never)
        app.router.add_post("/when", self._when)
        # A client that goes away cancels what it asked for.
        self.server = TestServer(app, handler_cancellation=True)

    async def _weather(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((orjson.loads(body), request, body))
        return web.json_response({"temperature": 21, "sky": "clear"})

    async def _when(self, _request: web.Request) -> web.Response:
        self.arrived.set()
        await self.release.wait()
        return web.Response(text="At noon.")

    async def _never(self, _request: web.Request) -> web.Response:
        self.arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.gone.set()
        return web.Response()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    running = Shop()
    await running.server.start_server()
    yield running
    running.release.set()
    await running.server.close()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    running = Provider()
    await running.server.start_server()
    yield running
    await running.close()


@pytest.fixture
async def office(new_site, shop, monkeypatch):
    """A server with two tools, and agents that name them."""
    monkeypatch.setenv("SHOP_KEY", KEY)
    tools = {
        "get_weather": {
            "url": str(shop.server.make_url("/weather")),
            "secret_env": "SHOP_KEY",
            "allow_private": True,
        },
        "never": {"url": str(shop.server.make_url("/never")), "allow_private": True},
        "hurry": {
            "url": str(shop.server.make_url("/never")),
            "allow_private": True,
            "timeout_s": 0.1,
        },
        "inward": {"url": str(shop.server.make_url("/weather"))},
    }
    site = await new_site(VOICEHUB_TOOLS=orjson.dumps(tools).decode())
    named = [WEATHER, *({"name": name} for name in ("never", "hurry", "inward", "unknown"))]
    for name, engine in (("Clerk", "puppet"), ("Speaker", "local")):
        await site.run(
            "INSERT INTO ai_agents (name, persona_prompt, system_prompt, is_built_in, settings)"
            " VALUES ($1, 'You are Ava.', '', true, $2) RETURNING id",
            name,
            {"engine": engine, "tools": named if engine == "puppet" else [WEATHER]},
        )
    return SimpleNamespace(site=site, shop=shop)


async def use(engine, name: str, arguments: str = "{}", *, response: str = "resp_1") -> None:
    """The model asks for a tool, in a response of its own."""
    shown = {"id": response, "object": "realtime.response", "conversation_id": "conv_1"}
    await engine.say("response.created", response={**shown, "status": "in_progress", "output": []})
    item = {
        "id": f"item_{name}",
        "type": "function_call",
        "status": "completed",
        "name": name,
        "call_id": f"call_{name}",
        "arguments": arguments,
    }
    place = {"response_id": response, "output_index": 0, "item": item}
    await engine.say("response.output_item.added", **place)
    await engine.say("conversation.item.added", item=item, previous_item_id=None)
    await engine.say("response.output_item.done", **place)
    await engine.say("conversation.item.done", item=item, previous_item_id=None)
    done = {**shown, "status": "completed", "output": [item]}
    await engine.say("response.done", response=done)


async def test_the_model_uses_a_tool_and_the_client_sees_nothing_of_it(office):
    with capture_logs() as logs:
        talk = await office.site.talk("model=Clerk")
        engine = office.site.engine
        tools = [tool["name"] for tool in engine.opened_with["tools"]]
        assert tools == ["get_weather", "never", "hurry", "inward"]
        await use(engine, "get_weather", '{"city": "Paris"}')
        created = await engine.until_taken("conversation.item.create")
        await engine.until_taken("response.create")
        output = created.body["item"]["output"]
        assert orjson.loads(output) == {"temperature": 21, "sky": "clear"}
        done = await talk.until("response.done")
        await talk.close()
        await office.site.over(talk.session_id)
    assert done["response"]["output"] == []
    assert talk.kinds == ["session.created", "response.created", "response.done"]
    assert talk.of("session.created")[0]["session"].get("tools", []) == []
    (left_out,) = [each for each in logs if each["event"].startswith("an agent names tools")]
    assert (left_out["log_level"], left_out["tools"]) == ("warning", ["unknown"])
    assert "Paris" not in repr(logs)


async def test_the_tool_is_told_whose_session_it_is_under_our_signature(office):
    talk = await office.site.talk("model=Clerk")
    await use(office.site.engine, "get_weather", '{"city": "Paris"}')
    await office.site.engine.until_taken("response.create")
    ((asked, request, body),) = office.shop.asked
    row = await office.site.row(talk.session_id)
    assert asked == {
        "call_id": "call_get_weather",
        "name": "get_weather",
        "arguments": {"city": "Paris"},
        "session_id": talk.session_id,
        "agent_id": row["agent_id"],
        "team_id": office.site.teams["one"],
        "user_id": office.site.users["ada"],
    }
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(KEY.encode(), signed + body, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    await talk.close()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hurry", "The tool did not answer in time."),
        ("inward", "The tool's address is not allowed."),
    ],
)
async def test_a_tool_that_cannot_answer_leaves_the_model_something_to_say(office, name, told):
    talk = await office.site.talk("model=Clerk")
    await use(office.site.engine, name)
    created = await office.site.engine.until_taken("conversation.item.create")
    assert orjson.loads(created.body["item"]["output"]) == {"error": told}
    await office.site.engine.until_taken("response.create")
    assert office.shop.asked == []
    await talk.close()


async def test_a_session_that_ends_breaks_off_what_its_tools_do(office):
    talk = await office.site.talk("model=Clerk")
    await use(office.site.engine, "never")
    async with asyncio.timeout(STEP_S_MAX):
        await office.shop.arrived.wait()
    await talk.close()
    row = await office.site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    async with asyncio.timeout(STEP_S_MAX):
        await office.shop.gone.wait()
    assert not [frame for frame in office.site.engine.taken if frame.type == "response.create"]


async def test_a_barge_in_goes_before_what_a_tool_would_have_said(office):
    talk = await office.site.talk("model=Clerk")
    engine = office.site.engine
    await use(engine, "never")
    await engine.user_turn("turn_1", after="item_never")
    added = await talk.until("conversation.item.added")
    assert added["previous_item_id"] is None
    await use(engine, "get_weather", '{"city": "Rome"}', response="resp_2")
    created = await engine.until_taken("conversation.item.create")
    assert created.body["item"]["call_id"] == "call_get_weather"
    await engine.until_taken("response.create")
    await talk.close()


async def test_an_upstream_that_breaks_off_meanwhile_gets_the_answer_too(new_site, shop, provider):
    tools = {"when": {"url": str(shop.server.make_url("/when")), "allow_private": True}}
    site = await new_site(
        VOICEHUB_ENGINES=orjson.dumps({"cloud": {"url": provider.url, "model": "m"}}).decode(),
        VOICEHUB_TOOLS=orjson.dumps(tools).decode(),
    )
    await site.run(
        "INSERT INTO ai_agents (name, persona_prompt, system_prompt, is_built_in, settings)"
        " VALUES ('Cloud', 'You are Ava.', '', true, $1) RETURNING id",
        {"engine": "cloud", "tools": [{"name": "when"}]},
    )
    opening = spawn(site.talk("model=Cloud"), name="opening")
    line = await provider.connection()
    asked = await line.greet()
    assert [tool["name"] for tool in asked["tools"]] == ["when"]
    talk = await opening
    await use(line, "when")
    await talk.until("response.done")
    async with asyncio.timeout(STEP_S_MAX):
        await shop.arrived.wait()
    line.abort()
    line = await provider.connection()
    shop.release.set()
    await line.greet()
    output = await line.until("conversation.item.create")
    while output["item"]["type"] != "function_call_output":
        output = await line.until("conversation.item.create")
    assert (output["item"]["call_id"], output["item"]["output"]) == ("call_when", "At noon.")
    following = await line.until("response.create")
    # What it refuses of ours is nothing to the client.
    error = {"type": "invalid_request_error", "code": "conversation_already_has_active_response"}
    refused = {**error, "message": "Active.", "event_id": following["event_id"]}
    await line.say("error", error=refused)
    await line.say("rate_limits.updated", rate_limits=[])
    await talk.until("rate_limits.updated")
    assert talk.kinds[-3:] == ["response.created", "response.done", "rate_limits.updated"]
    await talk.close()


async def test_a_spoken_question_is_answered_by_the_tool(office, speech_models):
    office.site.app[ENGINES]["local"] = lambda: LocalEngine(speech_models, BuiltInResponder())
    pieces = [sound async for sound in speech_models.speak("What is the weather in Paris today?")]
    question = np.concatenate(pieces).astype("<i2").tobytes()
    talk = await office.site.talk("model=Speaker")
    caller = Caller(talk)
    calling = spawn(caller.run(), name="caller")
    await caller.say(question)
    await talk.until(TRANSCRIBED)
    said = await talk.until("response.output_audio_transcript.done")
    await talk.until("rate_limits.updated")
    await stop(calling)
    await talk.close()
    row = await office.site.over(talk.session_id)
    ((asked, _, _),) = office.shop.asked
    assert "Paris" in asked["arguments"]["city"]
    assert "temperature: 21" in said["transcript"]
    assert talk.errors == []
    assert not [kind for kind in talk.kinds if "function" in kind]
    first, last = talk.of("response.done")
    assert (first["response"]["output"], len(last["response"]["output"])) == ([], 1)
    known = [None, *(event["item"]["id"] for event in talk.of("conversation.item.added"))]
    assert all(event.get("previous_item_id") in known for event in talk.seen)
    speakers = [line["speaker"] for line in row["data"]["transcript"]]
    assert speakers == ["user", "agent"]
