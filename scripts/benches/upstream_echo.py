"""A GA realtime API that speaks back what it hears, for `relay`: a process of its own."""

import contextlib

import uvloop
from aiohttp import WSMsgType, web
from benches.bare_echo import MESSAGE_BYTES_MAX, serve

from voicehub.engines.scripted import Echo
from voicehub.realtime.frame import server_frame, to_json
from voicehub.realtime.parse import parse_client


async def converse(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(
        compress=False, max_msg_size=MESSAGE_BYTES_MAX, decode_text=False
    )
    await socket.prepare(request)
    session = {"id": "sess_bench", "object": "realtime.session", "type": "realtime"}
    created = server_frame("event_created", "session.created", session=session)
    await socket.send_frame(to_json(created), WSMsgType.TEXT)
    script = Echo()
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            for answer in script(parse_client(message.data)):
                await socket.send_frame(to_json(answer), WSMsgType.TEXT)
    return socket


if __name__ == "__main__":
    with contextlib.suppress(web.GracefulExit):
        uvloop.run(serve(converse))
