"""What both sides of a conversation share: its settings, items, playout and uncounted input."""

from dataclasses import dataclass, field

from voicehub.engines.local.effects import NewId, Outgoing
from voicehub.engines.local.item_list import ItemList
from voicehub.engines.local.items import Item
from voicehub.engines.local.session_config import SessionConfig


@dataclass(slots=True)
class NewInput:
    """Input that no response has counted yet."""

    audio_ms: float = 0.0
    text_bytes: int = 0

    def add(self, item: Item) -> None:
        self.audio_ms += item.audio_ms
        self.text_bytes += item.text_bytes

    def take(self) -> "NewInput":
        taken = NewInput(self.audio_ms, self.text_bytes)
        self.audio_ms, self.text_bytes = 0.0, 0
        return taken


@dataclass(slots=True)
class Playout:
    """When the client will have played what it was given; audio is given faster than it plays."""

    end_ms: float = 0.0

    def add(self, duration_ms: float, now_ms: float) -> None:
        self.end_ms = max(self.end_ms, now_ms) + duration_ms

    def cut(self, now_ms: float) -> None:
        self.end_ms = min(self.end_ms, now_ms)


@dataclass(slots=True)
class Shared:
    config: SessionConfig
    conversation_id: str
    out: Outgoing
    items: ItemList = field(default_factory=ItemList)
    new_input: NewInput = field(default_factory=NewInput)
    playout: Playout = field(default_factory=Playout)
    agent_was_heard: bool = False
    """Whether agent audio was given in this session: the voice is fixed then."""

    @property
    def new_id(self) -> NewId:
        return self.out.new_id

    def announce(self, item: Item) -> None:
        """Tell of a finished item that stands in the list, and count it as input."""
        previous_id = self.items.previous_id(item)
        self.new_input.add(item)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self.out.emit(kind, previous_item_id=previous_id, item=item.as_ga())
        self.drop_surplus()

    def drop_surplus(self) -> None:
        for item in self.items.surplus():
            self.items.remove(item)
            self.out.emit("conversation.item.deleted", item_id=item.id)
