"""Tells a new connection the conversation of the old one, and keeps the answers to itself."""

from collections.abc import Callable

from voicehub.engines.upstream.mirror import Mirror
from voicehub.engines.upstream.pending import Pending
from voicehub.realtime.frame import Body, Frame, server_frame

ITEM_SHOWN = ("conversation.item.added", "conversation.item.created", "conversation.item.done")
DELETED = "conversation.item.deleted"
TRUNCATE = "conversation.item.truncate"
_CREATE = "conversation.item.create"
_DELETE = "conversation.item.delete"


class Retelling:
    """One per session.

    What the agent said is text in the new connection: audio cannot be told. So a truncation of it,
    which an upstream takes for audio only, becomes a shorter text in the place of the old one.
    """

    def __init__(self, mirror: Mirror, pending: Pending, new_id: Callable[[str], str]) -> None:
        self._mirror = mirror
        self._pending = pending
        self._new_id = new_id
        # Marks the events that are ours: their answers are not the client's.
        self._mark = new_id("relay")
        self._told: list[str] = []
        self._awaited: set[tuple[str, str]] = set()
        self._cuts: dict[str, Frame] = {}

    def own(self, kind: str, /, **fields: object) -> Frame:
        """A client event of ours."""
        return Frame(kind, {"type": kind, "event_id": self._new_id(self._mark), **fields})

    def tell(self) -> list[Frame]:
        """The events that build the conversation in an empty one."""
        items = self._mirror.told(self._pending.turn_audio)
        self._told = [item["id"] for item in items]
        self._awaited = {(kind, item_id) for item_id in self._told for kind in ITEM_SHOWN}
        return [self.own(_CREATE, item=item) for item in items]

    def break_off(self) -> list[Frame]:
        """The connection is lost: truncations whose answer was awaited are made in the copy."""
        done = list(self._cuts.values())
        self._cuts.clear()
        self._awaited.clear()
        self._told.clear()
        return done + self.cut_offline()

    def cut_offline(self) -> list[Frame]:
        """Truncations that came without a connection: the answers to them."""
        return [self._truncated(frame.body) for frame in self._pending.take(TRUNCATE)]

    def cut(self, frame: Frame) -> list[Frame] | None:
        """What is sent for the client's truncation; None where the upstream has the audio."""
        item_id = frame.body["item_id"]
        if item_id not in self._told or item_id not in self._mirror:
            return None
        self._cuts[item_id] = self._truncated(frame.body)
        events = [self.own(_DELETE, item_id=item_id)]
        item = self._mirror.get(item_id)
        shorter = item.as_input() if item is not None else None
        if shorter is not None:
            events.append(self.own(_CREATE, item=shorter, previous_item_id=self._before(item_id)))
            self._awaited |= {(kind, item_id) for kind in ITEM_SHOWN}
        return events

    def is_answer(self, frame: Frame) -> bool:
        """Whether it shows an item that was told."""
        if frame.type not in ITEM_SHOWN or not self._awaited:
            return False
        shown = (frame.type, frame.body["item"]["id"])
        if shown not in self._awaited:
            return False
        self._awaited.discard(shown)
        return True

    def was_cut(self, frame: Frame) -> Frame | None:
        """The answer to the client's truncation, where `frame` is the deletion made for it."""
        return self._cuts.pop(frame.body["item_id"], None) if frame.type == DELETED else None

    def is_own(self, event_id: object) -> bool:
        return isinstance(event_id, str) and event_id.startswith(self._mark)

    def _truncated(self, asked: Body) -> Frame:
        names = ("item_id", "content_index", "audio_end_ms")
        told = {name: asked[name] for name in names}
        frame = server_frame(self._new_id("event"), "conversation.item.truncated", **told)
        self._mirror.note(frame)
        return frame

    def _before(self, item_id: str) -> str:
        """The item before it, among those that the connection was told of and still has."""
        earlier = self._told[: self._told.index(item_id)]
        return next((each for each in reversed(earlier) if each in self._mirror), "root")
