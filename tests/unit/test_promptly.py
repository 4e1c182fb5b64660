import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from voicehub import promptly
from voicehub.promptly import LazyHeartbeat, ServerSocket
from voicehub.tasks import spawn, stop

HEARTBEAT_S = 0.05


class ClientSocket(LazyHeartbeat, aiohttp.ClientWebSocketResponse):
    pass


class Site:
    """One connection, both of its ends."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.opened: asyncio.Future[ServerSocket] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = ServerSocket(timeout=0.2, **self.options)
        assert not promptly.is_ready(socket)
        await socket.prepare(request)
        self.opened.set_result(socket)
        await self.over.wait()
        return socket


@pytest.fixture
async def connect():
    sites, clients = [], []

    async def open_(client_options=None, **options):
        site = Site(**options)
        app = web.Application()
        app.router.add_get("/", site.serve)
        client = TestClient(TestServer(app), ws_response_class=ClientSocket)
        await client.start_server()
        sites.append(site)
        clients.append(client)
        socket = await client.ws_connect("/", **(client_options or {}))
        return await site.opened, socket

    yield open_
    for site in sites:
        site.over.set()
    for client in clients:
        await client.close()


async def test_what_is_written_now_and_what_is_sent_arrive_in_order_on_both_sides(connect):
    server, client = await connect(compress=False)
    for source, target in ((server, client), (client, server)):
        assert promptly.is_ready(source)
        promptly.write(source, b"1", WSMsgType.TEXT)
        await source.send_frame(b"2", WSMsgType.TEXT)
        promptly.write(source, bytes(200_000), WSMsgType.BINARY)
        assert [(await target.receive()).data for _ in range(3)] == ["1", "2", bytes(200_000)]


async def test_a_peer_that_takes_nothing_holds_back_until_it_reads_on(connect):
    server, client = await connect(compress=False)
    transport = client._response.connection.transport
    transport.pause_reading()
    count = 0
    while promptly.is_ready(server):
        promptly.write(server, bytes(1_000_000), WSMsgType.BINARY)
        count += 1
    assert promptly.is_held_back(server)
    transport.resume_reading()
    drained = spawn(promptly.drained(server), name="peer")
    for _ in range(count):
        await client.receive()
    await drained
    assert promptly.is_ready(server)
    await promptly.drained(server)


async def test_nothing_is_written_past_aiohttp_where_it_compresses(connect):
    server, client = await connect({"compress": 15}, compress=True)
    assert not promptly.is_ready(server)
    assert not promptly.is_ready(client)


async def test_a_socket_that_closes_is_not_ready_and_one_that_broke_says_so(connect):
    server, client = await connect(compress=False)
    await server.close()
    assert not promptly.is_ready(server)
    client._response.connection.transport.abort()
    assert not promptly.is_ready(client)
    with pytest.raises(ConnectionError):
        promptly.write(client, b"1", WSMsgType.TEXT)


async def test_a_peer_that_is_silent_is_pinged_and_without_an_answer_it_is_gone(connect):
    server, client = await connect({"autoping": False}, heartbeat=HEARTBEAT_S)
    reading = spawn(server.receive(), name="peer")
    assert (await client.receive()).type is WSMsgType.PING
    assert (await reading).type in {WSMsgType.ERROR, WSMsgType.CLOSED}
    assert server.closed


@pytest.mark.parametrize("side", [0, 1])
async def test_what_arrives_puts_the_ping_off_without_a_turn_of_the_loop(connect, side):
    pair = await connect({"heartbeat": 60.0}, heartbeat=60.0)
    near, far = pair[side], pair[1 - side]
    timer, due_s = near._heartbeat_cb, near._heartbeat_when
    await far.send_frame(b"1", WSMsgType.TEXT)
    await near.receive()
    assert near._heartbeat_when > due_s - 1.0
    assert near._heartbeat_when != due_s
    assert near._heartbeat_cb is timer
    assert near._heartbeat_reset_handle is None


async def test_an_answer_to_a_ping_is_left_to_aiohttp(connect):
    server, client = await connect(heartbeat=HEARTBEAT_S)
    reading = spawn(server.receive(), name="peer")
    ended = spawn(client.receive(), name="peer")
    pings = asyncio.Event()
    answered = server._cancel_pong_response_cb
    due = []

    def cancel() -> None:
        due.append(server._pong_response_cb)
        if sum(each is not None for each in due) >= 2:
            pings.set()
        answered()

    server._cancel_pong_response_cb = cancel
    await pings.wait()  # the peer has answered two pings in a row
    assert not reading.done()
    assert not server.closed
    for task in (reading, ended):
        await stop(task)
