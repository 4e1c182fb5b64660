"""Two echo servers: one on the sockets of VoiceHub's sessions, one on those of bare aiohttp."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import WSMsgType, web

from voicehub.errors import NotTextError
from voicehub.live.socket import new_socket
from voicehub.realtime.parse import check_text

# Of the bare one: what ours takes, so that the two are asked the same.
MESSAGE_BYTES_MAX = 24 << 20

AUDIBLE = {WSMsgType.TEXT, WSMsgType.BINARY}


@asynccontextmanager
async def echoing(echo: Callable[[web.Request], object]) -> AsyncIterator[int]:
    """Serve `echo` on every path of a free port."""
    app = web.Application()
    app.router.add_get("/{path:.*}", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def ours(request: web.Request) -> web.WebSocketResponse:
    """As a session reads and writes its socket."""
    socket = new_socket()
    await socket.prepare(request)
    with suppress(ConnectionError):
        while (message := await socket.receive()).type in AUDIBLE:
            if message.type is WSMsgType.TEXT:
                try:
                    check_text(message.data)
                except NotTextError as error:
                    await socket.close(code=error.close_code)
                    break
            await socket.send_frame(message.data, message.type)
    return socket


async def bare(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(max_msg_size=MESSAGE_BYTES_MAX)
    await socket.prepare(request)
    with suppress(ConnectionError):
        while (message := await socket.receive()).type in AUDIBLE:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
    return socket
