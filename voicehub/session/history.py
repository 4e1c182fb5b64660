"""Tells a new engine the conversation so far, and keeps its answers from the client."""

from collections.abc import Callable, Iterable

from voicehub.realtime.frame import Body, Frame, as_object
from voicehub.session.transcript import Line

# What a model is told of a long conversation: the last of it.
LINES_MAX = 200
CHARACTERS_MAX = 64_000
_CREATE = "conversation.item.create"
_SHOWN = frozenset(
    {"conversation.item.added", "conversation.item.created", "conversation.item.done"}
)


class History:
    """One per engine that takes over a conversation."""

    def __init__(self, lines: Iterable[Line], new_id: Callable[[str], str]) -> None:
        self._items = [_item(line) for line in _last(list(lines))]
        self._event_ids = [new_id("event") for _ in self._items]
        # An item is shown twice or three times; all of its showings are the same news.
        self._told = {item["id"] for item in self._items}

    def events(self) -> list[Frame]:
        """The client events that build the conversation."""
        return [
            Frame(_CREATE, {"type": _CREATE, "event_id": event_id, "item": item})
            for event_id, item in zip(self._event_ids, self._items, strict=True)
        ]

    def is_answer(self, frame: Frame) -> bool:
        """Whether the engine speaks of what it was told here: no client has asked for that."""
        if frame.type in _SHOWN:
            return str(as_object(frame.body.get("item")).get("id")) in self._told
        if frame.type == "error":
            return as_object(frame.body.get("error")).get("event_id") in self._event_ids
        return False


def _last(lines: list[Line]) -> list[Line]:
    kept: list[Line] = []
    room = CHARACTERS_MAX
    for line in reversed(lines[-LINES_MAX:]):
        room -= len(line["transcript"])
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]


def _item(line: Line) -> Body:
    is_agent = line["speaker"] == "agent"
    return {
        "id": line["item_id"],
        "type": "message",
        "role": "assistant" if is_agent else "user",
        "content": [
            {"type": "output_text" if is_agent else "input_text", "text": line["transcript"]}
        ],
    }
