"""A client of the real server, and an engine of which a test decides every event."""

import asyncio
import base64
from collections.abc import Iterable
from itertools import count
from typing import Any

import orjson
from aiohttp import ClientWebSocketResponse, WSMsgType

from voicehub.engines.scripted import ScriptedEngine
from voicehub.realtime.frame import Body, Frame, server_frame
from voicehub.realtime.tokens import duration_usage

STEP_S_MAX = 15.0
BYTES_PER_MS = 48
APPEND = "input_audio_buffer.append"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_number = count(1)


class Talk:
    """One open socket. `seen` holds every event in order."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[Body] = []

    async def send(self, kind: str, /, **fields: Any) -> None:
        await self.raw(orjson.dumps({"type": kind, **fields}))

    async def raw(self, text: bytes) -> None:
        await self.socket.send_frame(text, WSMsgType.TEXT)

    async def append(self, pcm: bytes) -> None:
        await self.send(APPEND, audio=base64.b64encode(pcm).decode())

    async def until(self, *kinds: str) -> Body:
        """The next event of one of these kinds."""
        async with asyncio.timeout(STEP_S_MAX):
            while True:
                event = await self._next()
                assert event is not None, f"closed with {self.socket.close_code}"
                if event["type"] in kinds:
                    return event

    async def until_closed(self) -> int:
        """Read all that comes. Returns the close code."""
        async with asyncio.timeout(STEP_S_MAX):
            while await self._next() is not None:
                pass
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def close(self, code: int = 1000) -> None:
        await self.socket.close(code=code)

    def cut(self) -> None:
        """Break the connection, without a close frame."""
        self.socket._response.connection.transport.abort()

    def of(self, kind: str) -> list[Body]:
        return [event for event in self.seen if event["type"] == kind]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.seen]

    @property
    def errors(self) -> list[str]:
        return [event["error"]["code"] for event in self.of("error")]

    @property
    def session_id(self) -> int:
        (created,) = self.of("session.created")
        return int(created["session"]["voicehub"]["session_id"])

    async def _next(self) -> Body | None:
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        event: Body = orjson.loads(message.data)
        self.seen.append(event)
        return event


class Caller:
    """Sends 100 ms of audio every 100 ms, as a microphone does: silence but for what it says."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._words = b""
        self.sent = bytearray()
        self._said = asyncio.Event()
        self._said.set()

    async def say(self, pcm: bytes) -> None:
        """Return once it is said."""
        self._words += pcm
        self._said.clear()
        await self._said.wait()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        size = 100 * BYTES_PER_MS
        while True:
            chunk, self._words = self._words[:size].ljust(size, b"\0"), self._words[size:]
            await self._talk.append(chunk)
            self.sent += chunk
            if not self._words:
                self._said.set()
            due += 0.1
            await asyncio.sleep(due - loop.time())


class Puppet(ScriptedEngine):
    """An engine that does nothing of its own accord; the test speaks for it."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.taken: list[Frame] = []
        self.opened_with: Body = {}
        self.closed = asyncio.Event()
        self.answers_cancel = True
        self._arrived = asyncio.Event()

    async def open(self, session: Body) -> Body:
        self.opened_with = session
        return await super().open(session)

    async def aclose(self) -> None:
        self.closed.set()
        await super().aclose()

    async def until_taken(self, kind: str, times: int = 1) -> Frame:
        """Wait until the client's event has come here."""
        async with asyncio.timeout(STEP_S_MAX):
            while len(found := [frame for frame in self.taken if frame.type == kind]) < times:
                self._arrived.clear()
                await self._arrived.wait()
        return found[-1]

    async def say(self, kind: str, /, **fields: Any) -> None:
        await self.give(server_frame(f"event_{next(_number)}", kind, **fields))

    async def user_turn(
        self, item_id: str, *, after: str | None = None, heard: bool = True
    ) -> None:
        """The caller's turn is over; what was said is not known yet."""
        if heard:
            await self.say("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
            await self.say("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=900)
        await self.say("input_audio_buffer.committed", item_id=item_id, previous_item_id=after)
        item = {"id": item_id, "type": "message", "role": "user", "content": []}
        await self.say("conversation.item.added", item=item, previous_item_id=after)

    async def transcribed(self, item_id: str, words: str) -> None:
        usage = {"type": "duration", "seconds": 1}
        fields = {"item_id": item_id, "content_index": 0, "transcript": words, "usage": usage}
        await self.say(TRANSCRIBED, **fields)

    async def begin_reply(self, number: int, *, after: str | None = None) -> None:
        response = {"id": f"resp_{number}", "object": "realtime.response", "output": []}
        await self.say("response.created", response={**response, "status": "in_progress"})
        item = {"id": f"reply_{number}", "type": "message", "role": "assistant", "content": []}
        await self.say("conversation.item.added", item=item, previous_item_id=after)

    async def speak(self, number: int, duration_ms: int) -> None:
        await self.speak_pcm(number, b"\1\0" * (duration_ms * BYTES_PER_MS // 2))

    async def speak_pcm(self, number: int, pcm: bytes) -> None:
        ids = {"response_id": f"resp_{number}", "item_id": f"reply_{number}"}
        kind = "response.output_audio.delta"
        frame = server_frame(f"event_{next(_number)}", kind, **ids, output_index=0, content_index=0)
        frame.audio = pcm
        await self.give(frame)

    async def end_reply(
        self, number: int, words: str = "", *, usage: Body | None = None, status: str = "completed"
    ) -> None:
        ids = {"response_id": f"resp_{number}", "item_id": f"reply_{number}"}
        if words:
            kind = "response.output_audio_transcript.done"
            await self.say(kind, **ids, output_index=0, content_index=0, transcript=words)
        await self.give(_done(f"resp_{number}", usage, status))

    async def reply(self, number: int, words: str, *, usage: Body, audio_ms: int = 100) -> None:
        await self.begin_reply(number)
        await self.speak(number, audio_ms)
        await self.end_reply(number, words, usage=usage)

    def _take(self, frame: Frame) -> Iterable[Frame]:
        self.taken.append(frame)
        self._arrived.set()
        if frame.type == "response.cancel" and self.answers_cancel:
            yield _done(frame.body["response_id"], duration_usage(0, 0, 0, 0), "cancelled")


def _done(response_id: str, usage: Body | None, status: str) -> Frame:
    response = {"id": response_id, "object": "realtime.response", "output": [], "status": status}
    if usage is not None:
        response["usage"] = usage
    return server_frame(f"event_{next(_number)}", "response.done", response=response)
