"""What the client sent and the upstream has not yet acted on: a new connection gets it again.

While there is no connection, this is the queue.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from voicehub.realtime.frame import Body, Frame
from voicehub.realtime.parse import APPEND

# Audio of a turn that goes on, or of one that waits for a connection. At it the oldest is dropped:
# a reply to what was said half a minute ago helps nobody.
TURN_KEPT_MS = 20_000
# Audio while nobody speaks: the padding before a turn, and the time until the upstream hears it.
QUIET_KEPT_MS = 1_500
# Other events. At either limit the oldest is dropped; the newest always stays.
CONTROLS_MAX = 64
CONTROL_BYTES_MAX = 4 * 1024 * 1024

_COMMIT = "input_audio_buffer.commit"
_CLEAR = "input_audio_buffer.clear"
_CREATE = "conversation.item.create"

# Which server event says that a client event has taken effect.
_CONFIRMED_BY = {
    "session.updated": "session.update",
    "input_audio_buffer.committed": _COMMIT,
    "input_audio_buffer.cleared": _CLEAR,
    "conversation.item.added": _CREATE,
    "conversation.item.created": _CREATE,
    "conversation.item.retrieved": "conversation.item.retrieve",
    "conversation.item.truncated": "conversation.item.truncate",
    "conversation.item.deleted": "conversation.item.delete",
    "response.created": "response.create",
}
_KEPT = frozenset(_CONFIRMED_BY.values())


@dataclass(slots=True)
class _Entry:
    order: int
    frame: Frame
    audio_ms: float = 0.0

    @property
    def size_bytes(self) -> int:
        return len(self.frame.raw or b"") + len(self.frame.audio or b"")


class Pending:
    """In the order in which the client sent it."""

    def __init__(self) -> None:
        self._audio: deque[_Entry] = deque()
        self._controls: deque[_Entry] = deque()
        self._control_bytes = 0
        self._order = 0
        self._turn: tuple[str, list[Frame]] | None = None
        self.audio_ms = 0.0
        """How much of the caller's audio is kept."""
        self.in_turn = False
        """Whether audio belongs to a turn: then more of it is kept."""
        self.dropped = 0
        """Events that were dropped at a limit while they waited for a connection."""

    @property
    def last_order(self) -> int:
        return self._order

    @property
    def is_quiet(self) -> bool:
        """Whether nothing but audio is kept."""
        return not self._controls

    def sent(self, frame: Frame, audio_ms: float = 0.0) -> None:
        """Keep `frame`, unless it means nothing on another connection."""
        if frame.type == APPEND:
            self._order += 1
            self._audio.append(_Entry(self._order, frame, audio_ms))
            self.audio_ms += audio_ms
            kept_ms = TURN_KEPT_MS if self.in_turn else QUIET_KEPT_MS
            while self.audio_ms > kept_ms and len(self._audio) > 1:
                self._drop_audio()
            return
        if frame.type not in _KEPT:
            return
        self._order += 1
        self._controls.append(_Entry(self._order, frame))
        self._control_bytes += self._controls[-1].size_bytes
        while len(self._controls) > CONTROLS_MAX or (
            self._control_bytes > CONTROL_BYTES_MAX and len(self._controls) > 1
        ):
            self._remove(self._controls[0])
            self.dropped += 1

    def note(self, frame: Frame) -> Frame | None:
        """The client's event that the upstream's `frame` says is done, now forgotten."""
        if frame.type == "error":
            return self._refused(frame.body["error"].get("event_id"))
        asked = _CONFIRMED_BY.get(frame.type)
        if asked is None:
            return None
        entry = next(
            (
                entry
                for entry in self._controls
                if entry.frame.type == asked and _is_answer(frame.body, entry.frame.body)
            ),
            None,
        )
        if entry is not None:
            self._remove(entry)
        if asked in {_COMMIT, _CLEAR}:
            taken = self._take_audio(entry.order if entry else self._order + 1)
            self._turn = (frame.body["item_id"], taken) if asked == _COMMIT else None
        return entry.frame if entry else None

    def turn_audio(self, item_id: str) -> bytes:
        """The caller's audio of the last turn, if it is `item_id` and its words are not known."""
        if self._turn is None or self._turn[0] != item_id:
            return b""
        return b"".join(frame.audio or b"" for frame in self._turn[1])

    def transcribed(self, item_id: str) -> None:
        """The words of `item_id` are known: its audio is needed no more."""
        if self._turn is not None and self._turn[0] == item_id:
            self._turn = None

    def holds(self, kind: str) -> bool:
        return any(entry.frame.type == kind for entry in self._controls)

    def forget(self, frame: Frame) -> None:
        """`frame` is done in another way."""
        for entry in [entry for entry in self._controls if entry.frame is frame]:
            self._remove(entry)

    def take(self, kind: str) -> list[Frame]:
        """The events of `kind`, now forgotten."""
        taken = [entry for entry in self._controls if entry.frame.type == kind]
        for entry in taken:
            self._remove(entry)
        return [entry.frame for entry in taken]

    def frames(self, after: int = 0) -> Iterator[Frame]:
        """What came after place `after`, in order."""
        entries = [entry for each in (self._audio, self._controls) for entry in each]
        for entry in sorted(entries, key=lambda entry: entry.order):
            if entry.order > after:
                yield entry.frame

    def _take_audio(self, before: int) -> list[Frame]:
        taken: list[Frame] = []
        while self._audio and self._audio[0].order < before:
            taken.append(self._drop_audio())
        return taken

    def _drop_audio(self) -> Frame:
        entry = self._audio.popleft()
        self.audio_ms = self.audio_ms - entry.audio_ms if self._audio else 0.0
        return entry.frame

    def _remove(self, entry: _Entry) -> None:
        self._controls.remove(entry)
        self._control_bytes -= entry.size_bytes

    def _refused(self, event_id: object) -> Frame | None:
        """An error without an id tells of the oldest event that had none."""
        for entry in self._controls:
            if entry.frame.event_id == event_id:
                self._remove(entry)
                return entry.frame
        return None


def _is_answer(answer: Body, asked: Body) -> bool:
    """Whether the items that both name are the same."""
    if "item_id" in asked:
        shown = answer.get("item")
        item_id = shown.get("id") if isinstance(shown, dict) else answer.get("item_id")
        return bool(item_id == asked["item_id"])
    given, shown = asked.get("item"), answer.get("item")
    if not isinstance(given, dict) or not isinstance(shown, dict):
        return True
    if given.get("id"):
        return bool(given["id"] == shown.get("id"))
    # The upstream names an item that came without an id; the model's own items look different.
    return all(given.get(name) == shown.get(name) for name in ("type", "role", "call_id"))
