"""One socket of a conversation: events and audio both ways, binary where the server can.

It offers the subprotocol `voicehub.v1`. A server that does not select it is spoken to as any
client of the Realtime API speaks: audio is base64 in JSON.
"""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Self

import aiohttp
import orjson
import pybase64

from voicehub.audio.formats import Pcm, pcm_samples
from voicehub.client.places import AUDIO_DELTA, Body, Places
from voicehub.errors import VoiceHubError
from voicehub.realtime.extension import PLAYOUT_REPORTED, SUBPROTOCOL

CONNECT_S_MAX = 15.0
CLOSE_S_MAX = 5.0
# A server that is silent for this long, and for half of it after a ping, is taken for dead: soon
# enough to take the session elsewhere before it is swept.
HEARTBEAT_S = 8.0
# A larger message from the server closes the socket with 1009.
MESSAGE_BYTES_MAX = 16 << 20
# RFC 6455: a close frame without a code.
NO_CODE = 1005
# What a refusal says of trying again; a server that fails may always serve the next time.
RETRY_HEADER = "X-Should-Retry"


class NotOpenedError(VoiceHubError):
    """No socket: `refused_with` is the HTTP status, or None where nobody answered."""

    code = "socket_not_opened"

    def __init__(self, message: str, *, refused_with: int | None, retryable: bool) -> None:
        super().__init__(message)
        self.refused_with = refused_with
        self.retryable = retryable


class Wire:
    """Made by `connect`. Iterating gives each server event, and its audio if it has any."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, places: Places) -> None:
        self._socket = socket
        self._places = places
        self._closing = False
        self._ended_with: int | None = None

    @classmethod
    async def connect(
        cls,
        http: aiohttp.ClientSession,
        url: str,
        secret: str,
        *,
        places: Places | None = None,
        timeout_s: float = CONNECT_S_MAX,
    ) -> Self:
        """Open the socket at `url`. Raises NotOpenedError where that is refused or fails.

        `places` are those of the socket before, where this one goes on after it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                socket = await http.ws_connect(
                    url,
                    protocols=(SUBPROTOCOL, "realtime"),
                    headers={"Authorization": f"Bearer {secret}"},
                    compress=0,
                    max_msg_size=MESSAGE_BYTES_MAX,
                    heartbeat=HEARTBEAT_S,
                )
        except aiohttp.WSServerHandshakeError as error:
            told = error.headers.get(RETRY_HEADER) if error.headers else None
            raise NotOpenedError(
                f"The server refused the socket with {error.status}.",
                refused_with=error.status,
                retryable=told == "true" or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = f"The socket cannot be opened: {type(error).__name__}."
            raise NotOpenedError(reason, refused_with=None, retryable=True) from error
        return cls(socket, Places() if places is None else places)

    @property
    def extended(self) -> bool:
        """Whether the server selected voicehub.v1."""
        return self._socket.protocol == SUBPROTOCOL

    @property
    def close_code(self) -> int:
        """Of a socket that is closed; 1006 when it broke."""
        if self._ended_with is not None:
            return self._ended_with
        return self._socket.close_code or aiohttp.WSCloseCode.ABNORMAL_CLOSURE

    async def send(self, kind: str, /, **fields: object) -> None:
        """Send one client event."""
        await self._socket.send_str(orjson.dumps({"type": kind, **fields}).decode())

    async def append(self, chunk: Pcm) -> None:
        """Send what the caller said."""
        raw = chunk.astype("<i2", copy=False).tobytes()
        if self.extended:
            await self._socket.send_bytes(raw)
        else:
            encoded = pybase64.b64encode(raw).decode()
            await self.send("input_audio_buffer.append", audio=encoded)

    async def report_playout(self, item_id: str, heard_ms: float) -> None:
        """Tell how much of an item is heard at last; only voicehub.v1 has words for it."""
        if self.extended:
            await self.send(PLAYOUT_REPORTED, item_id=item_id, heard_ms=heard_ms)

    async def close(self) -> None:
        self._closing = True
        async with asyncio.timeout(CLOSE_S_MAX):
            await self._socket.close(code=aiohttp.WSCloseCode.OK)

    async def __aiter__(self) -> AsyncIterator[tuple[Body, Pcm | None]]:
        """Until the socket closes. An audio event has no `delta`, however it came."""
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                yield self._event(orjson.loads(message.data))
            elif message.type is aiohttp.WSMsgType.BINARY:
                if heard := self._places.audio(message.data):
                    yield heard
            else:
                self._end(message)
                return

    def _end(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.CLOSE:
            self._ended_with = message.data or NO_CODE
        elif message.type is aiohttp.WSMsgType.CLOSED and not self._closing:
            # A server that died: aiohttp takes the end of the connection for a close with 1000.
            self._ended_with = aiohttp.WSCloseCode.ABNORMAL_CLOSURE

    def _event(self, body: Body) -> tuple[Body, Pcm | None]:
        if body["type"] == AUDIO_DELTA:
            return body, pcm_samples(pybase64.b64decode(body.pop("delta")))
        self._places.learn(body)
        return body, None
