"""The least that can carry the same frames: an aiohttp server that sends back what it gets."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import WSMsgType, web

MESSAGE_BYTES_MAX = 1 << 20
Converse = Callable[[web.Request], Awaitable[web.WebSocketResponse]]


async def echo(request: web.Request) -> web.WebSocketResponse:
    # The same settings as VoiceHub's own socket; `decode_text=False` spares both the decoding.
    socket = web.WebSocketResponse(
        heartbeat=20.0, compress=False, max_msg_size=MESSAGE_BYTES_MAX, decode_text=False
    )
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_frame(message.data, WSMsgType.TEXT)
    return socket


async def serve(converse: Converse) -> None:
    """Serve `converse` on a free port, and tell the address, until SIGTERM."""
    app = web.Application()
    app.router.add_get("/v1/realtime", converse)
    runner = web.AppRunner(app, access_log=None, handle_signals=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    try:
        await asyncio.Event().wait()  # until SIGTERM, which aiohttp turns into an exception
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(web.GracefulExit):
        uvloop.run(serve(echo))
