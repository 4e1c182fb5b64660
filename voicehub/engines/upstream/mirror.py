"""A bounded copy of the upstream's conversation, to be told again to a new connection.

It holds words, never the agent's audio; of what was cut it holds what was heard.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pybase64 import b64encode

from voicehub.realtime.frame import Body, Frame
from voicehub.realtime.words import whole_words

# At either limit the oldest items are dropped: no model reads that far back, and a replay that is
# longer would keep the caller waiting.
ITEMS_MAX = 400
TEXT_BYTES_MAX = 512 * 1024

_WORDS = ("text", "transcript")


@dataclass(slots=True)
class Item:
    """`body` is the GA item without its content and without audio."""

    body: Body
    parts: dict[int, Body] = field(default_factory=dict)
    audio_ms: float = 0.0
    heard_ms: float | None = None
    """Set by a truncation: what of the audio was heard."""
    size_bytes: int = 0

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def role(self) -> str:
        return str(self.body.get("role"))

    def take(self, body: Body) -> None:
        """The item as the upstream shows it now; words that it shows no more stay known."""
        self.body = {name: value for name, value in body.items() if name != "content"}
        content = body.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict):
                known = self.parts.get(index, {})
                shown = {name: value for name, value in part.items() if value and name != "audio"}
                self.parts[index] = {**known, **shown}
        self._measure()

    def say(self, index: int, kind: str, name: str, words: str) -> None:
        """The words of a part."""
        self.parts[index] = {"type": kind, **self.parts.get(index, {}), name: words}
        self._measure()

    def as_input(self, audio: bytes = b"") -> Body | None:
        """The item of a `conversation.item.create`; None where nothing can be told.

        `audio` is what the caller said, where the words are not known.
        """
        kind = self.body.get("type")
        if kind == "message":
            return self._message(audio)
        if kind == "function_call" and self.body.get("status") != "in_progress":
            return self._only("id", "type", "call_id", "name", "arguments")
        if kind == "function_call_output":
            return self._only("id", "type", "call_id", "output")
        return None

    def _only(self, *names: str) -> Body | None:
        # An incomplete one, such as a tool's arguments cut short, is no use to the model.
        complete = all(isinstance(self.body.get(name), str) for name in names)
        return {name: self.body[name] for name in names} if complete else None

    def _message(self, audio: bytes) -> Body | None:
        content = [
            told for _, part in sorted(self.parts.items()) if (told := self._told(part)) is not None
        ]
        if not content and audio:
            content = [{"type": "input_audio", "audio": b64encode(audio).decode()}]
        if not content:
            return None
        return {"id": self.id, "type": "message", "role": self.role, "content": content}

    def _told(self, part: Body) -> Body | None:
        if part.get("type") == "input_image":
            return part
        words = next((part[name] for name in _WORDS if isinstance(part.get(name), str)), "")
        if self.heard_ms is not None and "transcript" in part:
            words = _heard(words, self.heard_ms, self.audio_ms)
        if not words.strip():
            return None
        kind = "output_text" if self.role == "assistant" else "input_text"
        return {"type": kind, "text": words}

    def _measure(self) -> None:
        texts = [self.body.get("arguments"), self.body.get("output")]
        for part in self.parts.values():
            texts += part.values()
        # An estimate, in the sense that matters: it grows with what is kept.
        self.size_bytes = sum(len(text) for text in texts if isinstance(text, str))


class Mirror:
    """One per session; `note` takes each event that the upstream sends."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._notes: dict[str, Callable[[Body], None]] = {
            "conversation.item.created": self._added,
            "conversation.item.added": self._added,
            "conversation.item.done": self._done,
            "conversation.item.deleted": self._deleted,
            "conversation.item.truncated": self._truncated,
            "conversation.item.input_audio_transcription.completed": self._transcribed,
            "response.output_audio_transcript.done": self._said,
            "response.output_text.done": self._said,
            "response.output_item.done": self._output_done,
            "response.done": self._response_done,
        }

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._by_id

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def previous_id(self, item_id: str) -> str | None:
        place = self._items.index(self._by_id[item_id])
        return self._items[place - 1].id if place else None

    def note(self, frame: Frame) -> None:
        note = self._notes.get(frame.type)
        if note is not None:
            note(frame.body)
            self._keep_bounds()

    def hear(self, item_id: str, duration_ms: float) -> None:
        """The agent's audio of `item_id` came."""
        item = self._by_id.get(item_id)
        if item is not None:
            item.audio_ms += duration_ms

    def get(self, item_id: str) -> Item | None:
        return self._by_id.get(item_id)

    def told(self, audio_of: Callable[[str], bytes] = lambda _: b"") -> list[Body]:
        """The items to create on a new connection, in order.

        A tool's output without the request that it answers would be refused.
        """
        items = [
            told for item in self._items if (told := item.as_input(audio_of(item.id))) is not None
        ]
        requests = {item["call_id"] for item in items if item["type"] == "function_call"}
        return [
            item
            for item in items
            if item["type"] != "function_call_output" or item["call_id"] in requests
        ]

    def _added(self, body: Body) -> None:
        item = self._by_id.get(body["item"]["id"])
        if item is None:
            item = Item({})
            self._place(item, body["item"]["id"], body.get("previous_item_id"))
        item.take(body["item"])

    def _place(self, item: Item, item_id: str, previous_id: object) -> None:
        place = len(self._items)
        if previous_id == "root":
            place = 0
        elif isinstance(previous_id, str) and previous_id in self._by_id:
            place = self._items.index(self._by_id[previous_id]) + 1
        # Null means the beginning, but also comes from upstreams that leave it out: the end, then.
        self._items.insert(place, item)
        self._by_id[item_id] = item

    def _done(self, body: Body) -> None:
        self._added(body)

    def _output_done(self, body: Body) -> None:
        item = self._by_id.get(body["item"]["id"])
        if item is not None:
            item.take(body["item"])

    def _deleted(self, body: Body) -> None:
        item = self._by_id.pop(body["item_id"], None)
        if item is not None:
            self._items.remove(item)

    def _truncated(self, body: Body) -> None:
        item = self._by_id.get(body["item_id"])
        if item is not None:
            item.heard_ms = float(body["audio_end_ms"])

    def _transcribed(self, body: Body) -> None:
        item = self._by_id.get(body["item_id"])
        if item is not None:
            item.say(index_of(body), "input_audio", "transcript", body["transcript"])

    def _said(self, body: Body) -> None:
        item = self._by_id.get(body["item_id"])
        if item is not None and "transcript" in body:
            item.say(index_of(body), "output_audio", "transcript", body["transcript"])
        elif item is not None:
            item.say(index_of(body), "output_text", "text", body["text"])

    def _response_done(self, body: Body) -> None:
        """Some upstreams show the agent's items only here; one beside the conversation stays so."""
        response = body["response"]
        output = response.get("output")
        if not isinstance(response.get("conversation_id"), str) or not isinstance(output, list):
            return
        for shown in output:
            if isinstance(shown, dict) and isinstance(shown.get("id"), str):
                self._added({"item": shown})

    def _keep_bounds(self) -> None:
        total_bytes = sum(item.size_bytes for item in self._items)
        while len(self._items) > ITEMS_MAX or (
            total_bytes > TEXT_BYTES_MAX and len(self._items) > 1
        ):
            oldest = self._items.pop(0)
            del self._by_id[oldest.id]
            total_bytes -= oldest.size_bytes


def index_of(body: Body) -> int:
    """The `content_index` of an event; 0 where an upstream leaves it out."""
    index = body.get("content_index")
    return index if isinstance(index, int) else 0


def _heard(words: str, heard_ms: float, audio_ms: float) -> str:
    """The words that were heard, by their share of the audio; one only begun was not heard."""
    if heard_ms >= audio_ms:
        return words if heard_ms > 0 else ""
    return whole_words(words, len(words) * heard_ms / audio_ms).rstrip()
