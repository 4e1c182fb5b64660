"""The least that can stand between: an aiohttp server that forwards text to the address it is
given, and back. It parses nothing and keeps nothing.
"""

import asyncio
import contextlib
import sys

import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web
from benches.bare_echo import MESSAGE_BYTES_MAX, serve

Side = web.WebSocketResponse | ClientWebSocketResponse  # of bytes: `decode_text` is off


class BareRelay:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._http: ClientSession | None = None

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        if self._http is None:
            self._http = ClientSession(connector=TCPConnector(limit=0))
        # The same settings as VoiceHub's own sockets.
        client = web.WebSocketResponse(
            heartbeat=20.0, compress=False, max_msg_size=MESSAGE_BYTES_MAX, decode_text=False
        )
        await client.prepare(request)
        async with self._http.ws_connect(
            self._upstream,
            heartbeat=20.0,
            compress=0,
            max_msg_size=MESSAGE_BYTES_MAX,
            decode_text=False,
        ) as upstream:
            back = asyncio.create_task(_forward(upstream, client))  # noqa: TID251  # awaited below
            try:
                await _forward(client, upstream)
            finally:
                back.cancel()
                await asyncio.wait([back])
        return client

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()


async def _forward(source: Side, target: Side) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await target.send_frame(message.data, WSMsgType.TEXT)


async def main(upstream: str) -> None:
    relay = BareRelay(upstream)
    try:
        await serve(relay.converse)
    finally:
        await relay.close()


if __name__ == "__main__":
    with contextlib.suppress(web.GracefulExit):
        uvloop.run(main(sys.argv[1]))
