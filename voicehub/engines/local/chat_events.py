"""Reads what a chat endpoint writes: server-sent events, cut anywhere, to the parts of a reply."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from voicehub.engines.local.reply import ReplyPart, TextPart, ToolPart, UsagePart
from voicehub.errors import EngineError

# An event holds a few words; one that never ends is no event.
EVENT_BYTES_MAX = 1 << 20
# More tools at once than this are an endpoint gone wrong.
TOOLS_MAX = 64
DONE = b"[DONE]"

# Fields of a chunk are checked one by one, for endpoints differ in what they leave out.
Chunk = Mapping[str, Any]


class EventLines:
    """Cuts bytes into the payloads of events. Bytes, for a letter may arrive in two halves."""

    def __init__(self) -> None:
        self._line = b""
        self._payload: list[bytes] = []
        self._size_bytes = 0

    def push(self, received: bytes) -> Iterator[bytes]:
        """The payloads that `received` completes. Raises EngineError."""
        # A lone CR ends a line too, but no endpoint writes it, and it may be half of a CRLF.
        *lines, self._line = (self._line + received).split(b"\n")
        if len(self._line) + self._size_bytes > EVENT_BYTES_MAX:
            raise EngineError("The chat endpoint sent an event without an end.")
        for line in lines:
            yield from self._take(line.removesuffix(b"\r"))

    def flush(self) -> Iterator[bytes]:
        """The last event, where the endpoint left out the empty line that ends it."""
        yield from self._take(self._line.removesuffix(b"\r"))
        yield from self._take(b"")
        self._line = b""

    def _take(self, line: bytes) -> Iterator[bytes]:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._payload.append(value.removeprefix(b" "))
            self._size_bytes += len(value)
        elif not line and self._payload:
            payload, self._payload, self._size_bytes = b"\n".join(self._payload), [], 0
            yield payload


@dataclass(slots=True)
class _Requested:
    """A tool request that arrives in pieces."""

    call_id: str | None = None
    name: str = ""
    arguments: str = ""


class ChatEvents:
    """The state of one reply: text goes out at once, tools and usage at its end."""

    def __init__(self) -> None:
        self.is_finished = False
        self._requested: dict[int, _Requested] = {}
        self._usage: UsagePart | None = None
        self._hit_limit = False

    def take(self, payload: bytes) -> Iterator[ReplyPart]:
        """The text of one event. Raises EngineError for anything but a chunk."""
        if payload.strip() == DONE:
            self.is_finished = True
            return
        chunk = _chunk(payload)
        self._take_usage(chunk.get("usage"))
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else {}
        if not isinstance(choice, Mapping):
            raise EngineError("The chat endpoint sent an unknown kind of event.")
        # An endpoint that cannot stream sends the whole message at once.
        delta = choice.get("delta") or choice.get("message") or {}
        if not isinstance(delta, Mapping):
            raise EngineError("The chat endpoint sent an unknown kind of event.")
        text = delta.get("content")
        if isinstance(text, str) and text:
            yield TextPart(text)
        self._take_tools(delta.get("tool_calls"))
        if choice.get("finish_reason"):
            self.is_finished = True
            self._hit_limit = choice["finish_reason"] == "length"

    def end(self) -> Iterator[ReplyPart]:
        """Tools and usage. Raises EngineError where the endpoint broke off before its end."""
        if not self.is_finished:
            raise EngineError("The chat endpoint broke off in the middle of its reply.")
        for requested in self._requested.values():
            if requested.name:
                yield ToolPart(requested.name, requested.arguments or "{}", requested.call_id)
        if self._usage:
            yield UsagePart(
                self._usage.input_text_tokens,
                self._usage.output_text_tokens,
                self._usage.cached_text_tokens,
                self._hit_limit,
            )

    def _take_tools(self, pieces: object) -> None:
        for place, piece in enumerate(pieces if isinstance(pieces, list) else ()):
            function = piece.get("function") if isinstance(piece, Mapping) else None
            if not isinstance(function, Mapping):
                continue
            index = piece.get("index")
            requested = self._requested.setdefault(
                index if isinstance(index, int) else place, _Requested()
            )
            if len(self._requested) > TOOLS_MAX:
                raise EngineError("The chat endpoint asked for too many tools at once.")
            requested.call_id = _text(piece.get("id")) or requested.call_id
            requested.name = requested.name or _text(function.get("name"))
            requested.arguments += _text(function.get("arguments"))

    def _take_usage(self, usage: object) -> None:
        """Some endpoints report with every chunk, always the total so far: the last one counts."""
        if not isinstance(usage, Mapping):
            return
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
        asked = _count(usage.get("prompt_tokens"))
        self._usage = UsagePart(
            asked, _count(usage.get("completion_tokens")), min(_count(cached), asked)
        )


def _chunk(payload: bytes) -> Chunk:
    try:
        chunk = orjson.loads(payload)
    except orjson.JSONDecodeError as garbage:
        raise EngineError("The chat endpoint sent something that is not JSON.") from garbage
    if not isinstance(chunk, dict) or chunk.get("error"):
        raise EngineError("The chat endpoint reported an error in its reply.")
    return chunk


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0
