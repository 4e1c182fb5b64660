"""The transcript of a session: what each side said, when, in the conversation's order."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from voicehub.realtime.frame import Body
from voicehub.realtime.words import whole_words
from voicehub.session.heard import Heard

# Items that are remembered: those in progress, and recent ones that may still be cut or corrected.
ITEMS_MAX = 256
Line = dict[str, Any]


@dataclass(slots=True)
class Utterance:
    """One item of the conversation as a line of the transcript."""

    item_id: str
    speaker: str
    order: float = 0.0
    start_ms: float | None = None
    end_ms: float | None = None
    interrupted: bool = False
    finished: bool = False
    parts: dict[int, str] = field(default_factory=dict)
    heard: Heard = field(default_factory=Heard)

    def say(self, index: int, words: str, given_ms: float) -> None:
        """More words of a part, when `given_ms` of the item's audio had come."""
        if self.heard.takes_mark(given_ms):
            self.heard.mark(given_ms, len(self.text))
        self.parts[index] = self.parts.get(index, "") + words

    @property
    def shown(self) -> tuple[object, ...]:
        """What a line tells that a cut may change."""
        return self.interrupted, self.start_ms, self.end_ms, self.heard_text

    @property
    def heard_text(self) -> str:
        """What of the text was heard; no more is kept of it."""
        text = self.text
        heard = whole_words(text, self.heard.share(len(text)))
        return text if len(heard) == len(text) else heard.rstrip()

    @property
    def text(self) -> str:
        # U+0000 cannot stand in JSONB, whatever an engine heard.
        return " ".join(part for _, part in sorted(self.parts.items()) if part).replace("\0", "")


class Transcript:
    """Remembers what the conversation's items are, and makes their lines."""

    def __init__(self, wall_ms: float, at_ms: float = 0.0, last_order: float = 0.0) -> None:
        """Positions count from this owner's first sample, which stands at `at_ms` of the session
        and at `wall_ms` of Unix time. What is said comes after `last_order`.
        """
        self._wall_ms = wall_ms
        self._at_ms = at_ms
        self._utterances: OrderedDict[str, Utterance] = OrderedDict()
        self._last_order = last_order

    def find(self, item_id: str) -> Utterance | None:
        return self._utterances.get(item_id)

    def utterance(self, item_id: str, speaker: str) -> Utterance:
        """The item's utterance, begun if it is new."""
        found = self._utterances.get(item_id)
        if found is None:
            found = self._utterances[item_id] = Utterance(item_id, speaker)
            self._last_order += 1.0
            found.order = self._last_order
            if len(self._utterances) > ITEMS_MAX:
                self._utterances.popitem(last=False)
        return found

    def place(self, item_id: str, speaker: str, previous_item_id: str | None) -> Utterance:
        """The item stands after `previous_item_id` (`root`: at the conversation's beginning)."""
        found = self.utterance(item_id, speaker)
        if previous_item_id == "root":
            found.order = min(other.order for other in self._utterances.values()) - 1.0
            return found
        previous = self._utterances.get(str(previous_item_id))
        if previous is not None and previous is not found:
            later = [
                other.order
                for other in self._utterances.values()
                if other.order > previous.order and other is not found
            ]
            found.order = (previous.order + min(later)) / 2 if later else previous.order + 1.0
            self._last_order = max(self._last_order, found.order)
        return found

    def unfinished(self, speaker: str) -> list[Utterance]:
        """What `speaker` began to say and has not finished."""
        return [
            utterance
            for utterance in self._utterances.values()
            if utterance.speaker == speaker and not utterance.finished and utterance.text
        ]

    def line(self, utterance: Utterance, now_position_ms: float) -> Line:
        """The utterance's line as it goes into `sessions.data.transcript`."""
        start_ms = now_position_ms if utterance.start_ms is None else utterance.start_ms
        end_ms = max(start_ms, start_ms if utterance.end_ms is None else utterance.end_ms)
        return {
            "transcript": utterance.heard_text,
            "timestamp": timestamp(self._wall_ms + start_ms),
            "speaker": utterance.speaker,
            "item_id": utterance.item_id,
            "start_ms": round(self._at_ms + start_ms),
            "end_ms": round(self._at_ms + end_ms),
            "interrupted": utterance.interrupted,
            "order": utterance.order,
        }


def timestamp(wall_ms: float) -> str:
    """ISO-8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_text(item: Body) -> str:
    """The text of a message item that came as text; empty for audio and for other items."""
    if item.get("type") != "message":
        return ""
    content = item.get("content")
    return " ".join(
        part["text"]
        for part in (content if isinstance(content, list) else [])
        if isinstance(part, dict)
        and part.get("type") in ("input_text", "output_text")
        and isinstance(part.get("text"), str)
    )
