"""An engine that follows a script: for benchmarks of everything but speech, and for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from voicehub.errors import EngineError
from voicehub.realtime.frame import Body, Frame, server_frame

# Server events that wait to be taken; at it, `send` waits.
WAITING_MAX = 1_024

Script = Callable[[Frame], Iterable[Frame]]


class ScriptedEngine:
    """Answers each client event with what the script says."""

    def __init__(self, script: Script, session: Body | None = None) -> None:
        self._script = script
        self._session = session
        self._frames: asyncio.Queue[Frame | EngineError | None] = asyncio.Queue(WAITING_MAX)

    async def open(self, session: Body) -> Body:
        return self._session or {"id": "sess_scripted", "object": "realtime.session", **session}

    async def send(self, frame: Frame) -> None:
        for answer in self._script(frame):
            await self._frames.put(answer)

    def send_now(self, _frame: Frame) -> bool:
        return False

    async def give(self, frame: Frame) -> None:
        """A server event of its own accord."""
        await self._frames.put(frame)

    async def fail(self, error: EngineError) -> None:
        """Fail, once what was given before is taken."""
        await self._frames.put(error)

    async def frames(self) -> AsyncIterator[Frame]:
        while (frame := await self._frames.get()) is not None:
            if isinstance(frame, EngineError):
                raise frame
            yield frame

    async def aclose(self) -> None:
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)


class Echo:
    """A script that speaks back what it hears: a delta an append, a response every `deltas`."""

    def __init__(self, deltas: int = 50, name: str = "") -> None:
        """`name` keeps the ids apart from those of the engine that had the session before."""
        self._deltas = deltas
        self._name = name
        self._appends = 0

    def __call__(self, frame: Frame) -> Iterable[Frame]:
        if frame.type == "session.update":
            yield self._event("session.updated", session=frame.body["session"])
        if frame.type != "input_audio_buffer.append" or frame.audio is None:
            return
        number, place = divmod(self._appends, self._deltas)
        self._appends += 1
        own = f"{self._name}{number}"
        ids = {"response_id": f"resp_{own}", "item_id": f"item_{own}", "output_index": 0}
        if place == 0:
            yield from self._begin(ids)
        delta = self._event("response.output_audio.delta", **ids, content_index=0)
        delta.audio = frame.audio
        yield delta
        if place == self._deltas - 1:
            yield from self._end(ids)

    def _begin(self, ids: Body) -> Iterable[Frame]:
        response = {"id": ids["response_id"], "object": "realtime.response", "output": []}
        yield self._event("response.created", response={**response, "status": "in_progress"})
        item = {"id": ids["item_id"], "type": "message", "role": "assistant", "content": []}
        place = {"response_id": ids["response_id"], "output_index": ids["output_index"]}
        yield self._event("response.output_item.added", item=item, **place)
        yield self._event("conversation.item.added", item=item, previous_item_id=None)

    def _end(self, ids: Body) -> Iterable[Frame]:
        transcript = "You said this."
        yield self._event(
            "response.output_audio_transcript.done", **ids, content_index=0, transcript=transcript
        )
        response = {"id": ids["response_id"], "object": "realtime.response", "output": []}
        yield self._event("response.done", response={**response, "status": "completed"})

    def _event(self, kind: str, /, **fields: Any) -> Frame:
        return server_frame(f"event_{self._name}{kind}_{self._appends}", kind, **fields)
