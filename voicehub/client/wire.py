"""The socket of a conversation: events and audio in both directions, binary where the server can.

It offers the subprotocol `voicehub.v1`. A server that does not select it is spoken to as any
client of the Realtime API speaks: audio is base64 in JSON.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson
import pybase64

from voicehub.audio.formats import Pcm, pcm_samples
from voicehub.errors import VoiceHubError
from voicehub.realtime.binary import unpack
from voicehub.realtime.extension import PLAYOUT_REPORTED, SUBPROTOCOL

CONNECT_S_MAX = 15.0
CLOSE_S_MAX = 5.0
HEARTBEAT_S = 20.0
# A larger message from the server closes the socket with 1009.
MESSAGE_BYTES_MAX = 16 << 20
# Items whose number is remembered; audio of one that is forgotten is dropped.
ITEMS_MAX = 64
AUDIO_DELTA = "response.output_audio.delta"

Body = dict[str, Any]  # An event: the protocol is open-ended JSON.


@dataclass(slots=True)
class _Place:
    """Where the audio of one item belongs, in the words of the JSON event."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int = 0


class Wire:
    """Made by `connect`. Iterating gives each server event, and its audio if it has any."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._places: OrderedDict[int, _Place] = OrderedDict()

    @classmethod
    async def connect(cls, http: aiohttp.ClientSession, url: str, secret: str) -> Self:
        """Open the socket at `url`. Raises VoiceHubError where that is refused or fails."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                socket = await http.ws_connect(
                    url,
                    protocols=(SUBPROTOCOL, "realtime"),
                    headers={"Authorization": f"Bearer {secret}"},
                    compress=0,
                    max_msg_size=MESSAGE_BYTES_MAX,
                    heartbeat=HEARTBEAT_S,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise VoiceHubError(f"The server refused the socket with {error.status}.") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise VoiceHubError(f"The socket cannot be opened: {type(error).__name__}.") from error
        return cls(socket)

    @property
    def extended(self) -> bool:
        """Whether the server selected voicehub.v1."""
        return self._socket.protocol == SUBPROTOCOL

    @property
    def close_code(self) -> int:
        """Of a socket that is closed; 1006 when it broke."""
        return self._socket.close_code or aiohttp.WSCloseCode.ABNORMAL_CLOSURE

    async def send(self, kind: str, /, **fields: Any) -> None:
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
        async with asyncio.timeout(CLOSE_S_MAX):
            await self._socket.close(code=aiohttp.WSCloseCode.OK)

    async def __aiter__(self) -> AsyncIterator[tuple[Body, Pcm | None]]:
        """Until the socket closes. An audio event has no `delta`, however it came."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                yield self._event(orjson.loads(message.data))
            elif message.type is aiohttp.WSMsgType.BINARY:
                header, audio = unpack(message.data)
                if place := self._places.get(header.item_number):
                    body = {
                        "type": AUDIO_DELTA,
                        "response_id": place.response_id,
                        "item_id": place.item_id,
                        "output_index": place.output_index,
                        "content_index": place.content_index,
                    }
                    yield body, pcm_samples(audio)

    def _event(self, body: Body) -> tuple[Body, Pcm | None]:
        kind = body["type"]
        if kind == AUDIO_DELTA:
            return body, pcm_samples(pybase64.b64decode(body.pop("delta")))
        if kind == "response.output_item.added":
            self._number(body)
        elif kind == "response.content_part.added" and "audio" in body["part"]["type"]:
            for place in self._places.values():
                if place.item_id == body["item_id"]:
                    place.content_index = body["content_index"]
        return body, None

    def _number(self, body: Body) -> None:
        number = (body.get("voicehub") or {}).get("item_number")
        if number is None:
            return
        self._places[number] = _Place(body["response_id"], body["item"]["id"], body["output_index"])
        if len(self._places) > ITEMS_MAX:
            self._places.popitem(last=False)
