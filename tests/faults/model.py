"""A GA realtime API that keeps books: each turn has words and usage that no other has.

The audio that it is sent is its clock. A turn takes 30 appends, three seconds where each has 100
ms: the caller "speaks" for 1.2 s, the words come, the reply takes a second to be given. Each fifth
reply is long enough to be cut by the next turn.
"""

import base64
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Self

import orjson
from aiohttp import WSMsgType, web

from voicehub.realtime.frame import Body

APPEND_BYTES_PER_MS = 64  # base64 of 24 kHz
SPEECH_STARTED, SPEECH_STOPPED, TRANSCRIBED, FIRST_DELTA, LAST_DELTA, DONE, TURN = (
    *(1, 12, 13, 14, 23, 24),
    30,
)
LONG_REPLY_EVERY = 5
MARK = re.compile(r"caller-\d+")
MESSAGE_BYTES_MAX = 32 << 20
_QUIET_MS = b"\1\0" * 24


class Model:
    """Use as `async with`. `ended` has, by caller, the usage of each response that it has ended."""

    def __init__(self) -> None:
        self.ended: dict[str, dict[str, Body]] = defaultdict(dict)
        self.turns: Counter[str] = Counter()
        self._app = web.Application()
        self._app.router.add_get("/v1/realtime", self._converse)
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1.0)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}/v1/realtime"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in list(self._sockets):
            await socket.close(code=1001)
        await self._runner.cleanup()

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=MESSAGE_BYTES_MAX)
        await socket.prepare(request)
        self._sockets.add(socket)
        conversation = Conversation(self)
        try:
            for answer in conversation.greet():
                await socket.send_frame(orjson.dumps(answer), WSMsgType.TEXT)
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                for answer in conversation.take(orjson.loads(message.data)):
                    await socket.send_frame(orjson.dumps(answer), WSMsgType.TEXT)
        except ConnectionError:
            pass  # the other side was killed
        finally:
            self._sockets.discard(socket)
        return socket


class Conversation:
    """One connection, sans-IO: a client event in, server events out."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._mark = "nobody"
        self._appends = 0
        self._heard_ms = 0
        self._turn = 0
        self._last_item: str | None = None
        self._reply_is_open = False
        self._numbers = count(1)
        self._parts: dict[int, Callable[[], Iterator[Body]]] = {
            SPEECH_STARTED: self._speech_started,
            SPEECH_STOPPED: self._speech_stopped,
            TRANSCRIBED: self._transcribed,
            DONE: self._done,
        }

    def greet(self) -> Iterator[Body]:
        session = {"id": "sess_model", "object": "realtime.session", "type": "realtime"}
        yield self._event("session.created", session=session)

    def take(self, event: Body) -> Iterator[Body]:
        kind = event["type"]
        if kind == "input_audio_buffer.append":
            yield from self._hear(len(event["audio"]) // APPEND_BYTES_PER_MS)
        elif kind == "session.update":
            if found := MARK.search(str(event["session"].get("instructions"))):
                self._mark = found[0]
            shown = {"id": "sess_model", "model": "model-1", **event["session"]}
            yield self._event("session.updated", session=shown)
        elif kind == "conversation.item.create":
            item = {"status": "completed", **event["item"]}
            place = {"item": item, "previous_item_id": self._last_item}
            self._last_item = item["id"]
            yield self._event("conversation.item.added", **place)
            yield self._event("conversation.item.done", **place)
        elif kind == "response.cancel" and self._reply_is_open:
            yield self._response_done("cancelled", [])

    def _hear(self, spoken_ms: int) -> Iterator[Body]:
        self._appends += 1
        self._heard_ms += spoken_ms
        place = self._appends % TURN
        if place in self._parts:
            yield from self._parts[place]()
        elif FIRST_DELTA <= place <= LAST_DELTA and self._reply_is_open:
            times = 3 if self._turn % LONG_REPLY_EVERY == 0 else 1
            delta = base64.b64encode(_QUIET_MS * (spoken_ms * times)).decode()
            yield self._event("response.output_audio.delta", **self._part(), delta=delta)

    def _speech_started(self) -> Iterator[Body]:
        self._model.turns[self._mark] += 1
        self._turn = self._model.turns[self._mark]
        place = {"item_id": self._item_id, "audio_start_ms": self._heard_ms}
        yield self._event("input_audio_buffer.speech_started", **place)

    def _speech_stopped(self) -> Iterator[Body]:
        place = {"item_id": self._item_id}
        yield self._event("input_audio_buffer.speech_stopped", **place, audio_end_ms=self._heard_ms)
        before, self._last_item = self._last_item, self._item_id
        yield self._event("input_audio_buffer.committed", **place, previous_item_id=before)
        item = {"id": self._item_id, "type": "message", "role": "user", "status": "completed"}
        item |= {"content": [{"type": "input_audio", "transcript": None}]}
        yield self._event("conversation.item.added", item=item, previous_item_id=before)
        yield self._event("conversation.item.done", item=item, previous_item_id=before)

    def _transcribed(self) -> Iterator[Body]:
        yield self._event(
            "conversation.item.input_audio_transcription.completed",
            item_id=self._item_id,
            content_index=0,
            transcript=f"{self._mark} asks for number {self._turn}",
            usage={"type": "duration", "seconds": 1.2},
        )
        self._reply_is_open = True
        yield self._event("response.created", response=self._response("in_progress"))
        item = self._item("in_progress", [])
        place = {"response_id": self._response_id, "output_index": 0}
        before, self._last_item = self._last_item, item["id"]
        yield self._event("response.output_item.added", **place, item=item)
        yield self._event("conversation.item.added", item=item, previous_item_id=before)
        yield self._event("response.content_part.added", **self._part(), part={"type": "audio"})
        kind = "response.output_audio_transcript.delta"
        yield self._event(kind, **self._part(), delta=self._words)

    def _done(self) -> Iterator[Body]:
        if not self._reply_is_open:
            return
        part = {"type": "audio", "transcript": self._words}
        item = self._item("completed", [{"type": "output_audio", "transcript": self._words}])
        yield self._event("response.output_audio.done", **self._part())
        kind = "response.output_audio_transcript.done"
        yield self._event(kind, **self._part(), transcript=self._words)
        yield self._event("response.content_part.done", **self._part(), part=part)
        place = {"response_id": self._response_id, "output_index": 0}
        yield self._event("response.output_item.done", **place, item=item)
        yield self._event("conversation.item.done", item=item, previous_item_id=self._item_id)
        yield self._response_done("completed", [item])

    def _response_done(self, status: str, output: list[Body]) -> Body:
        self._reply_is_open = False
        usage = usage_of(self._turn)
        self._model.ended[self._mark][self._response_id] = usage
        response = {**self._response(status), "output": output, "usage": usage}
        return self._event("response.done", response=response)

    def _response(self, status: str) -> Body:
        kind = {"object": "realtime.response", "conversation_id": "conv_model"}
        return {"id": self._response_id, **kind, "status": status, "output": []}

    def _item(self, status: str, content: list[Body]) -> Body:
        item_id = f"reply_{self._mark}_{self._turn}"
        kind = {"type": "message", "role": "assistant"}
        return {"id": item_id, **kind, "status": status, "content": content}

    def _part(self) -> Body:
        place = {"item_id": f"reply_{self._mark}_{self._turn}", "content_index": 0}
        return {"response_id": self._response_id, "output_index": 0, **place}

    @property
    def _words(self) -> str:
        return f"{self._mark} gets number {self._turn}"

    @property
    def _item_id(self) -> str:
        return f"item_{self._mark}_{self._turn}"

    @property
    def _response_id(self) -> str:
        return f"resp_{self._mark}_{self._turn}"

    def _event(self, kind: str, /, **fields: Any) -> Body:
        return {"type": kind, "event_id": f"event_model_{next(self._numbers)}", **fields}


def usage_of(turn: int) -> Body:
    """The `usage` of a caller's response number `turn`."""
    text_in, text_out = 50 + turn % 40, 10
    audio_in, audio_out = 12, 20
    return {
        "total_tokens": text_in + text_out + audio_in + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "cached_tokens": 0,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
