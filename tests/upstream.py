"""A GA realtime API of which a test decides every event: a real WebSocket server on loopback."""

import asyncio
import base64
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import orjson
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from voicehub.realtime.frame import Body

STEP_S_MAX = 10.0
_number = count(1)


class Connection:
    """One connection, as the upstream sees it. `seen` holds every client event in order."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.headers = request.headers
        self.query = request.query
        self.socket = socket
        self.seen: list[Body] = []
        self.ended = asyncio.Event()
        self._request = request
        self._arrived = asyncio.Event()
        self._read = 0

    async def until(self, kind: str) -> Body:
        """The next event of this kind."""
        async with asyncio.timeout(STEP_S_MAX):
            while True:
                while self._read < len(self.seen):
                    self._read += 1
                    if self.seen[self._read - 1]["type"] == kind:
                        return self.seen[self._read - 1]
                self._arrived.clear()
                assert not self.ended.is_set(), f"ended before {kind}"
                await self._arrived.wait()

    def of(self, kind: str) -> list[Body]:
        return [event for event in self.seen if event["type"] == kind]

    async def say(self, kind: str, /, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"event_up_{next(_number)}", **fields}
        await self.raw(orjson.dumps(event))

    async def raw(self, text: bytes) -> None:
        await self.socket.send_frame(text, WSMsgType.TEXT)

    async def close(self, code: int = 1000) -> None:
        await self.socket.close(code=code)

    def abort(self) -> None:
        assert self._request.transport is not None
        self._request.transport.abort()

    def stall(self) -> None:
        """Read nothing more."""
        assert self._request.transport is not None
        self._request.transport.pause_reading()

    async def greet(self) -> Body:
        """`session.created`, then `session.updated` for what the client asks. Returns that."""
        await self.say("session.created", session={"id": "sess_up", "object": "realtime.session"})
        update = await self.until("session.update")
        shown = {"id": "sess_up", "model": "model-1", **update["session"]}
        await self.say("session.updated", session=shown)
        return update["session"]

    async def user_turn(self, item_id: str, words: str | None, after: str | None = None) -> None:
        place = {"item_id": item_id}
        await self.say("input_audio_buffer.speech_started", **place, audio_start_ms=0)
        await self.say("input_audio_buffer.speech_stopped", **place, audio_end_ms=900)
        await self.say("input_audio_buffer.committed", **place, previous_item_id=after)
        item = {
            "id": item_id,
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        await self.say("conversation.item.added", item=item, previous_item_id=after)
        await self.say("conversation.item.done", item=item, previous_item_id=after)
        if words is not None:
            await self.transcribed(item_id, words)

    async def transcribed(self, item_id: str, words: str) -> None:
        await self.say(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=words,
            usage={"type": "duration", "seconds": 1},
        )

    async def begin_reply(self, number: int, words: str, after: str | None = None) -> None:
        """As far as the audio and the first words."""
        response = {
            "id": f"resp_{number}",
            "object": "realtime.response",
            "status": "in_progress",
            "conversation_id": "conv_up",
            "output": [],
        }
        await self.say("response.created", response=response)
        item_id = f"reply_{number}"
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress"}
        item["content"] = []
        place = {"response_id": f"resp_{number}", "output_index": 0}
        await self.say("response.output_item.added", **place, item=item)
        await self.say("conversation.item.added", item=item, previous_item_id=after)
        place |= {"item_id": item_id, "content_index": 0}
        await self.say("response.content_part.added", **place, part={"type": "audio"})
        await self.say("response.output_audio_transcript.delta", **place, delta=words)
        await self.speak(number, 1000)

    async def speak(self, number: int, duration_ms: int) -> None:
        place = {"response_id": f"resp_{number}", "item_id": f"reply_{number}"}
        delta = base64.b64encode(b"\1\0" * (24 * duration_ms)).decode()
        kind = "response.output_audio.delta"
        await self.say(kind, **place, output_index=0, content_index=0, delta=delta)

    async def end_reply(self, number: int, words: str) -> None:
        place = {"response_id": f"resp_{number}", "output_index": 0}
        part = {**place, "item_id": f"reply_{number}", "content_index": 0}
        await self.say("response.output_audio.done", **part)
        await self.say("response.output_audio_transcript.done", **part, transcript=words)
        shown = {"type": "audio", "transcript": words}
        await self.say("response.content_part.done", **part, part=shown)
        item = {"id": f"reply_{number}", "type": "message", "role": "assistant"}
        item |= {"status": "completed", "content": [{"type": "output_audio", "transcript": words}]}
        await self.say("response.output_item.done", **place, item=item)
        await self.say("conversation.item.done", item=item, previous_item_id=None)
        response = {"id": f"resp_{number}", "status": "completed", "output": [item], "usage": {}}
        await self.say("response.done", response={**response, "conversation_id": "conv_up"})

    async def reply(self, number: int, words: str) -> None:
        await self.begin_reply(number, words)
        await self.end_reply(number, words)

    async def run(self) -> None:
        try:
            async for message in self.socket:
                self.seen.append(orjson.loads(message.data))
                self._arrived.set()
        finally:
            self.ended.set()
            self._arrived.set()


class Provider:
    """`refusals` are answered first, one an attempt, instead of an upgrade."""

    def __init__(self) -> None:
        self.refusals: deque[Callable[[], web.Response]] = deque()
        self.attempts = 0
        self._connections: asyncio.Queue[Connection] = asyncio.Queue()
        self._open: set[Connection] = set()
        app = web.Application()
        app.router.add_get("/v1/realtime", self._accept)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}/v1/realtime"

    async def connection(self) -> Connection:
        """The next that connects."""
        async with asyncio.timeout(STEP_S_MAX):
            return await self._connections.get()

    async def close(self) -> None:
        for connection in list(self._open):
            connection.abort()
        await self.server.close()

    def refuse(self, status: int, **headers: str) -> None:
        self.refusals.append(lambda: web.Response(status=status, headers=headers))

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        self.attempts += 1
        if self.refusals:
            return self.refusals.popleft()()
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        connection = Connection(request, socket)
        self._open.add(connection)
        self._connections.put_nowait(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)
        return socket
