"""The responses that an upstream is giving, and how they end when it breaks off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from voicehub.engines.upstream.mirror import Mirror, index_of
from voicehub.realtime.frame import Body, Frame, server_frame

# A model gives one response at a time, and few beside the conversation; the oldest is forgotten.
RESPONSES_MAX = 16
ITEMS_MAX = 64
PARTS_MAX = 64
# Words kept of one part; the rest of it is passed on all the same.
PART_CHARACTERS_MAX = 256 * 1024


@dataclass(slots=True)
class _Part:
    kind: str
    text: str = ""
    said: bool = False
    """Whether its words are complete."""
    done: bool = False


@dataclass(slots=True)
class _Item:
    output_index: int
    body: Body
    parts: dict[int, _Part] = field(default_factory=dict)
    done: bool = False

    def ended(self) -> Body:
        """The item as it stands when nothing more comes."""
        if self.done:
            return self.body
        content = [_content(part) for _, part in sorted(self.parts.items())]
        return {**self.body, "status": "incomplete", "content": content}


@dataclass(slots=True)
class _Response:
    body: Body
    items: dict[str, _Item] = field(default_factory=dict)

    def shown(self) -> list[_Item]:
        """What stays of it. A tool's arguments that were cut short are no request to run it."""
        items = sorted(self.items.values(), key=lambda item: item.output_index)
        return [item for item in items if item.done or item.body.get("type") == "message"]


class InFlight:
    """Follows responses from `response.created` to `response.done`."""

    def __init__(self) -> None:
        self._responses: dict[str, _Response] = {}
        self._notes: dict[str, Callable[[Frame], None]] = {
            "response.created": self._created,
            "response.done": self._done,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.content_part.added": self._part_added,
            "response.content_part.done": self._part_done,
            "response.output_text.delta": self._words,
            "response.output_audio_transcript.delta": self._words,
            "response.output_text.done": self._all_words,
            "response.output_audio_transcript.done": self._all_words,
        }

    def __len__(self) -> int:
        return len(self._responses)

    def note(self, frame: Frame) -> None:
        note = self._notes.get(frame.type)
        if note is not None:
            note(frame)

    def break_off(self, new_id: Callable[[str], str], mirror: Mirror) -> list[Frame]:
        """The events that end each response as failed. Without usage: nobody will tell it.

        Items in `mirror` belong to the conversation; the others to a response beside it.
        """
        frames: list[Frame] = []
        for response_id, response in self._responses.items():
            for item_id, item in response.items.items():
                if not item.done and item.body.get("type") == "message":
                    ids = {"response_id": response_id, "item_id": item_id}
                    frames += _item_end(item, ids, new_id)
                    if item_id in mirror:
                        previous_id = mirror.previous_id(item_id)
                        ended = {"item": item.ended(), "previous_item_id": previous_id}
                        event_id = new_id("event")
                        frames.append(server_frame(event_id, "conversation.item.done", **ended))
            error = {"type": "server_error", "code": "engine_failed"}
            body = {
                **response.body,
                "status": "failed",
                "status_details": {"type": "failed", "error": error},
                "output": [item.ended() for item in response.shown()],
            }
            body.pop("usage", None)
            frames.append(server_frame(new_id("event"), "response.done", response=body))
        self._responses.clear()
        return frames

    def _created(self, frame: Frame) -> None:
        response = frame.body["response"]
        self._responses[response["id"]] = _Response(response)
        if len(self._responses) > RESPONSES_MAX:
            del self._responses[next(iter(self._responses))]

    def _done(self, frame: Frame) -> None:
        self._responses.pop(frame.body["response"]["id"], None)

    def _item_added(self, frame: Frame) -> None:
        body = frame.body
        response = self._responses.get(body["response_id"])
        if response is not None and len(response.items) < ITEMS_MAX:
            index = body.get("output_index")
            index = index if isinstance(index, int) else len(response.items)
            response.items[body["item"]["id"]] = _Item(index, body["item"])

    def _item_done(self, frame: Frame) -> None:
        item = self._item(frame.body["response_id"], frame.body["item"]["id"])
        if item is not None:
            item.body, item.done = frame.body["item"], True

    def _part_added(self, frame: Frame) -> None:
        item = self._item(frame.body["response_id"], frame.body["item_id"])
        if item is not None and len(item.parts) < PARTS_MAX:
            item.parts[index_of(frame.body)] = _Part(str(frame.body["part"].get("type")))

    def _part_done(self, frame: Frame) -> None:
        if part := self._part(frame.body):
            part.done = True

    def _words(self, frame: Frame) -> None:
        part = self._part(frame.body)
        if part is not None and len(part.text) < PART_CHARACTERS_MAX:
            part.text += frame.body["delta"]

    def _all_words(self, frame: Frame) -> None:
        if part := self._part(frame.body):
            part.text = frame.body.get("transcript") or frame.body.get("text") or ""
            part.said = True

    def _item(self, response_id: str, item_id: str) -> _Item | None:
        response = self._responses.get(response_id)
        return response.items.get(item_id) if response else None

    def _part(self, body: Body) -> _Part | None:
        item = self._item(body["response_id"], body["item_id"])
        return item.parts.get(index_of(body)) if item else None


def _content(part: _Part) -> Body:
    if part.kind == "audio":
        return {"type": "output_audio", "transcript": part.text}
    return {"type": "output_text", "text": part.text}


def _item_end(item: _Item, ids: Body, new_id: Callable[[str], str]) -> Iterator[Frame]:
    """The events between the last delta and the end of the response, in the protocol's order."""

    def event(kind: str, /, **fields: Any) -> Frame:
        return server_frame(new_id("event"), kind, **fields)

    for content_index, part in sorted(item.parts.items()):
        if part.done:
            continue
        place = {**ids, "output_index": item.output_index, "content_index": content_index}
        audio = part.kind == "audio"
        words = {"transcript" if audio else "text": part.text}
        if audio and not part.said:
            yield event("response.output_audio.done", **place)
            yield event("response.output_audio_transcript.done", **place, **words)
        elif not part.said:
            yield event("response.output_text.done", **place, **words)
        shown = {"type": part.kind, **words}
        yield event("response.content_part.done", **place, part=shown)
    yield event(
        "response.output_item.done",
        response_id=ids["response_id"],
        output_index=item.output_index,
        item=item.ended(),
    )
