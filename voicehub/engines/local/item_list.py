"""The default conversation's items in their order, bounded."""

from collections.abc import Iterator

from voicehub.engines.local.items import Item
from voicehub.errors import ClientError

# At either limit the oldest items are deleted, as the protocol's truncation does: an endless
# session must not grow, and no model reads that far back.
ITEMS_MAX = 2_048
TEXT_BYTES_MAX = 4 << 20


class ItemList:
    """Items are few hundreds in practice, so that places are found by walking."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._by_id: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def get(self, item_id: str) -> Item | None:
        return self._by_id.get(item_id)

    def find(self, item_id: str, code: str, param: str = "item_id") -> Item:
        """The item, or a ClientError with `code`."""
        item = self._by_id.get(item_id)
        if item is None:
            raise ClientError(f"No item has the id '{item_id}'.", code=code, param=param)
        return item

    def check_new(self, item_id: str) -> None:
        if item_id in self._by_id:
            raise ClientError(
                f"An item with the id '{item_id}' exists.",
                code="item_create_duplicate_item_id",
                param="item.id",
            )

    def append(self, item: Item) -> str | None:
        """Put `item` at the end; returns the id of the item before it."""
        previous_id = self.last_id
        self._insert(len(self._items), item)
        return previous_id

    def insert_after(self, item: Item, previous_id: str | None) -> None:
        """Put `item` after `previous_id`, which exists; None puts it at the beginning."""
        if previous_id is None:
            self._insert(0, item)
        else:
            self._insert(self._items.index(self._by_id[previous_id]) + 1, item)

    def previous_id(self, item: Item) -> str | None:
        place = self._items.index(item)
        return self._items[place - 1].id if place else None

    def remove(self, item: Item) -> None:
        self._items.remove(item)
        del self._by_id[item.id]

    def surplus(self) -> list[Item]:
        """The oldest items beyond the limits, finished ones only; the newest item always stays."""
        excess_items = len(self._items) - ITEMS_MAX
        # Counted anew, because an agent's item grows while it stands here.
        excess_bytes = sum(item.text_bytes for item in self._items) - TEXT_BYTES_MAX
        surplus: list[Item] = []
        for item in self._items[:-1]:
            if len(surplus) >= excess_items and excess_bytes <= 0:
                break
            if item.status != "in_progress" and not item.is_pending:
                surplus.append(item)
                excess_bytes -= item.text_bytes
        return surplus

    def forget_unheard(self, unheard_ms: float) -> None:
        """The last `unheard_ms` of the agent's audio were not heard: the model reads no words of
        them.
        """
        for part in (part for item in reversed(self._items) for part in reversed(item.content)):
            if unheard_ms <= 0:
                return
            if part.kind == "output_audio":
                part.forget_after(part.audio_ms - unheard_ms)
                unheard_ms -= part.audio_ms

    def _insert(self, place: int, item: Item) -> None:
        self._items.insert(place, item)
        self._by_id[item.id] = item
