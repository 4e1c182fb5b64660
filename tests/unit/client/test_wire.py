"""What the socket gives and takes, whether or not its server speaks voicehub.v1."""

from contextlib import asynccontextmanager
from inspect import isawaitable
from socket import SHUT_RDWR

import aiohttp
import numpy as np
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from voicehub.client.places import AUDIO_DELTA, ITEMS_MAX
from voicehub.client.wire import NotOpenedError, Wire
from voicehub.realtime.binary import AudioHeader

SECRET = "ek_for_the_tiny_server"
LOUD = np.full(24 * 100, 5000, np.int16)
QUIET = np.zeros(24 * 100, np.int16)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def until_audio(wire):
    async for body, chunk in wire:
        if chunk is not None:
            return body, chunk
    return None


@pytest.mark.parametrize("extended", [True, False])
async def test_audio_is_the_same_however_it_travels(http, tiny_server, extended):
    tiny_server.extended = extended
    tiny_server.content_index = 1
    wire = await Wire.connect(http, tiny_server.socket_url, SECRET)
    assert wire.extended is extended
    for chunk in (LOUD, QUIET):
        await wire.append(chunk)
    body, heard = await until_audio(wire)
    assert np.array_equal(np.concatenate(tiny_server.audio), np.concatenate((LOUD, QUIET)))
    assert tiny_server.binary_messages == (2 if extended else 0)
    assert np.array_equal(heard, np.full(4_800, 1_000, np.int16))
    assert (body["type"], body["response_id"], body["item_id"]) == (
        AUDIO_DELTA,
        "resp_1",
        "item_a1",
    )
    assert body["content_index"] == 1
    assert "delta" not in body
    await wire.close()
    assert wire.close_code == 1000


@pytest.mark.parametrize("extended", [True, False])
async def test_what_was_heard_is_reported_where_there_are_words_for_it(http, tiny_server, extended):
    tiny_server.extended = extended
    wire = await Wire.connect(http, tiny_server.socket_url, SECRET)
    await wire.report_playout("item_1", 700)
    for chunk in (LOUD, QUIET):
        await wire.append(chunk)
    await until_audio(wire)
    reports = tiny_server.of_type("voicehub.playout.reported")
    assert [(each["item_id"], each["heard_ms"]) for each in reports] == (
        [("item_1", 700)] if extended else []
    )
    await wire.close()


async def test_audio_of_an_item_that_is_not_known_is_dropped(http):
    async def serve(request):
        socket = web.WebSocketResponse(protocols=("voicehub.v1",))
        await socket.prepare(request)
        for number in range(1, ITEMS_MAX + 2):
            added = {"response_id": "r", "output_index": 0, "item": {"id": f"item_{number}"}}
            ours = {"voicehub": {"item_number": number}}
            added = {"type": "response.output_item.added", **added, **ours}
            await socket.send_str(orjson.dumps(added).decode())
        for number in (0, 1, 2):
            await socket.send_bytes(AudioHeader(0, number, 0).pack() + b"\1\0")
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    async with TestServer(app, host="127.0.0.1") as server:
        wire = await Wire.connect(http, str(server.make_url("/")), SECRET)
        heard = [body["item_id"] async for body, chunk in wire if chunk is not None]
    assert heard == ["item_2"]


async def test_a_refusal_and_a_server_that_is_not_there_are_told_apart(http, tiny_server):
    with pytest.raises(NotOpenedError, match="refused the socket with 401") as refused:
        await Wire.connect(http, tiny_server.socket_url, "ek_wrong")
    assert (refused.value.refused_with, refused.value.retryable) == (401, False)
    url = tiny_server.socket_url
    await tiny_server.server.close()
    with pytest.raises(NotOpenedError, match="cannot be opened") as failed:
        await Wire.connect(http, url, SECRET)
    assert (failed.value.refused_with, failed.value.retryable) == (None, True)


@pytest.mark.parametrize(
    ("status", "headers", "retryable"),
    [
        (503, {}, True),
        (404, {}, False),
        (409, {}, False),
        (409, {"X-Should-Retry": "true"}, True),
        (429, {"X-Should-Retry": "true"}, True),
        (500, {"X-Should-Retry": "false"}, True),
    ],
)
async def test_a_refusal_says_whether_to_try_again(http, status, headers, retryable):
    async with served(lambda _request: web.Response(status=status, headers=headers)) as url:
        with pytest.raises(NotOpenedError) as refused:
            await Wire.connect(http, url, SECRET)
    assert refused.value.retryable is retryable


@pytest.mark.parametrize("code", [1000, 1012])
async def test_a_close_has_the_servers_code(http, code):
    async def close(socket):
        await socket.close(code=code)

    assert await ended_with(http, close) == code


async def test_a_connection_that_only_ends_is_no_close(http):
    """As a process that is killed leaves it; aiohttp itself would say 1000."""

    async def die(socket):
        socket.get_extra_info("socket").shutdown(SHUT_RDWR)

    assert await ended_with(http, die) == 1006


async def ended_with(http, end):
    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await end(socket)
        return socket

    async with served(serve) as url:
        wire = await Wire.connect(http, url, SECRET)
        assert [each async for each in wire] == []
        await wire.close()
    return wire.close_code


@asynccontextmanager
async def served(answer):
    async def serve(request):
        answered = answer(request)
        return await answered if isawaitable(answered) else answered

    app = web.Application()
    app.router.add_get("/", serve)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/"))
