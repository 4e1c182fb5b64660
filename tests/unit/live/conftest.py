"""A real socket, served on loopback: what is tested writes to it, and the test reads."""

import asyncio
from dataclasses import dataclass

import pytest
from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import TestClient, TestServer


@dataclass
class Pair:
    server: web.WebSocketResponse
    client: ClientWebSocketResponse
    cut: asyncio.Event

    def abort(self):
        self.cut.set()
        transport = self.server._req.transport
        if transport is not None:
            transport.abort()


@pytest.fixture
async def pair():
    opened, over = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def serve(request):
        socket = web.WebSocketResponse(timeout=1.0, decode_text=False)
        await socket.prepare(request)
        opened.set_result(socket)
        await over.wait()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    async with TestClient(TestServer(app)) as client:
        socket = await client.ws_connect("/")
        yield Pair(await opened, socket, asyncio.Event())
        over.set()
        connection = socket._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.resume_reading()
        await socket.close()
