"""A real server plays the endpoint, well behaved and not."""

import asyncio
from contextlib import aclosing

import aiohttp
import orjson
import pytest
from aiohttp import web

from voicehub.engines.local import chat
from voicehub.engines.local.chat import ChatResponder
from voicehub.engines.local.reply import Prompt, TextPart, Tool, ToolPart, Turn, UsagePart
from voicehub.errors import EngineError

KEY = "sk-very-secret"
PROMPT = Prompt("Be kind.", (Turn("user", "Hello"),))


def event(chunk):
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def delta(**fields):
    return event({"choices": [{"delta": fields, "finish_reason": None}]})


END = event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
DONE = b"data: [DONE]\n\n"


class Endpoint:
    """What it answers is a list of pieces: bytes to write, or an event to wait for."""

    def __init__(self):
        self.pieces = []
        self.status = 200
        self.content_type = "text/event-stream"
        self.requests = []
        self.gone = asyncio.Event()
        self.breaks_off = False

    async def answer(self, request):
        self.requests.append((dict(request.headers), await request.json()))
        response = web.StreamResponse(
            status=self.status, headers={"Content-Type": self.content_type}
        )
        await response.prepare(request)
        try:
            for piece in self.pieces:
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                else:
                    await response.write(piece)
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise
        if self.breaks_off:
            request.transport.abort()
        return response


@pytest.fixture
async def endpoint():
    return Endpoint()


@pytest.fixture
async def url(endpoint):
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


@pytest.fixture
async def responder(url):
    responder = ChatResponder(url, "small", KEY)
    yield responder
    await responder.close()


async def parts(responder, prompt=PROMPT):
    return [part async for part in responder.reply(prompt)]


async def test_the_reply_is_passed_on_while_it_is_written(endpoint, responder):
    more = asyncio.Event()
    endpoint.pieces = [delta(content="Hel"), more, delta(content="lo."), END, DONE]
    async with aclosing(responder.reply(PROMPT)) as reply:
        assert await anext(reply) == TextPart("Hel")
        more.set()
        assert [part async for part in reply] == [TextPart("lo.")]


async def test_the_request_carries_the_prompt_and_the_key(endpoint, responder):
    endpoint.pieces = [END, DONE]
    await parts(responder)
    headers, body = endpoint.requests[0]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "small"
    assert body["stream"] is True
    assert body["messages"][-1] == {"role": "user", "content": "Hello"}


async def test_bytes_may_be_cut_anywhere(endpoint, responder):
    text = "Grüße, 你好 😀"
    chunk = ("data: " + orjson.dumps({"choices": [{"delta": {"content": text}}]}).decode()).encode()
    whole = chunk + b"\r\n\r\n" + END + DONE
    endpoint.pieces = [whole[start : start + 1] for start in range(len(whole))]
    assert await parts(responder) == [TextPart(text)]


async def test_tools_and_usage_follow_the_text(endpoint, responder):
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    endpoint.pieces = [
        delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "end", "arguments": "{"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": "}"}}]),
        END,
        event({"choices": [], "usage": usage}),
        DONE,
    ]
    prompt = Prompt("", (), (Tool("end"),))
    assert await parts(responder, prompt) == [ToolPart("end", "{}", "c1"), UsagePart(9, 2)]


async def test_an_endpoint_that_answers_in_one_piece_is_understood(endpoint, responder):
    endpoint.content_type = "application/json"
    message = {"choices": [{"message": {"content": "Whole."}, "finish_reason": "stop"}]}
    endpoint.pieces = [orjson.dumps(message)]
    assert await parts(responder) == [TextPart("Whole.")]


async def refusal(responder):
    with pytest.raises(EngineError) as raised:
        await parts(responder)
    told = f"{raised.value} {raised.value!r} {responder!r}"
    assert KEY not in told
    assert "Hello" not in told
    return str(raised.value)


@pytest.mark.parametrize("status", [301, 400, 401, 429, 500, 503])
async def test_a_refusal_is_told_with_its_status(endpoint, responder, status):
    endpoint.status = status
    endpoint.pieces = [b'{"error":"' + KEY.encode() + b'"}']
    assert str(status) in await refusal(responder)


@pytest.mark.parametrize(
    "garbage", [b"data: {]\n\n", b"data: 7\n\n", b'data: {"error":{"message":"Hello"}}\n\n']
)
async def test_garbage_is_an_error(endpoint, responder, garbage):
    endpoint.pieces = [garbage, END]
    await refusal(responder)


async def test_a_page_of_html_is_an_error(endpoint, responder):
    endpoint.content_type = "text/html"
    endpoint.pieces = [b"<html>Sign in</html>"]
    assert "not JSON" in await refusal(responder)


@pytest.mark.parametrize("breaks_off", [True, False])
async def test_a_reply_that_is_cut_in_the_middle_is_an_error(endpoint, responder, breaks_off):
    endpoint.pieces = [delta(content="Half a"), b'data: {"choi']
    endpoint.breaks_off = breaks_off
    await refusal(responder)


async def test_an_endpoint_that_never_begins_is_given_up(endpoint, url):
    endpoint.pieces = [b": wait\n\n", asyncio.Event()]
    responder = ChatResponder(url, "small", KEY, first_part_s=0.2)
    assert "in time" in await refusal(responder)
    await endpoint.gone.wait()
    await responder.close()


async def test_an_endpoint_that_stalls_is_given_up(endpoint, url):
    endpoint.pieces = [delta(content="Well, "), asyncio.Event()]
    responder = ChatResponder(url, "small", KEY, between_parts_s=0.1)
    assert "in time" in await refusal(responder)
    await endpoint.gone.wait()
    await responder.close()


async def test_an_endpoint_that_never_stops_is_given_up(endpoint, responder, monkeypatch):
    monkeypatch.setattr(chat, "REPLY_BYTES_MAX", 10_000)
    endpoint.pieces = [delta(content="x" * 1000)] * 100
    assert "does not stop" in await refusal(responder)


async def test_nobody_at_the_address_is_an_error(unused_tcp_port):
    responder = ChatResponder(f"http://127.0.0.1:{unused_tcp_port}/v1", "small", KEY)
    assert "failed" in await refusal(responder)
    await responder.close()


async def test_an_address_that_is_none_is_an_error():
    responder = ChatResponder("nonsense", "small", KEY)
    assert "failed" in await refusal(responder)
    await responder.close()


async def test_an_abandoned_reply_closes_its_connection(endpoint, responder):
    endpoint.pieces = [delta(content="Well, "), asyncio.Event()]
    async with aclosing(responder.reply(PROMPT)) as reply:
        await anext(reply)
    await endpoint.gone.wait()


async def test_a_cancelled_reply_closes_its_connection(endpoint, responder):
    begun = asyncio.Event()

    async def listen():
        async for _ in responder.reply(PROMPT):
            begun.set()

    endpoint.pieces = [delta(content="Well, "), asyncio.Event()]
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen())
        await begun.wait()
        task.cancel()
    await endpoint.gone.wait()


async def test_a_session_that_was_lent_stays_open(endpoint, url):
    endpoint.pieces = [END]
    async with aiohttp.ClientSession() as session:
        responder = ChatResponder(url, "small", session=session)
        await parts(responder)
        await responder.close()
        assert not session.closed
    assert "Authorization" not in endpoint.requests[0][0]
