"""The client's loudspeaker: agent audio comes faster than it is heard, and waits here.

It has no clock: whoever takes samples is one.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

from voicehub.audio.formats import RATE_HZ, Pcm

# Items whose heard length is remembered; the oldest is forgotten.
ITEMS_MAX = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """What `conversation.item.truncate` has to say about an item that was cut off."""

    item_id: str
    content_index: int
    heard_ms: int


@dataclass(slots=True)
class _Piece:
    item_id: str
    content_index: int
    chunk: Pcm


@dataclass(slots=True)
class _Item:
    heard_samples: int = 0
    cut: bool = False


class Speaker:
    """A queue of the agent's audio. Its length is that of one reply, which the server bounds."""

    def __init__(self) -> None:
        self._queue: deque[_Piece] = deque()
        self._items: OrderedDict[str, _Item] = OrderedDict()

    @property
    def playing(self) -> bool:
        return bool(self._queue)

    def heard_ms(self, item_id: str) -> float:
        """How much of the item has been heard; 0 for one that is unknown."""
        item = self._items.get(item_id)
        return item.heard_samples * 1000 / RATE_HZ if item else 0.0

    def add(self, item_id: str, content_index: int, chunk: Pcm) -> None:
        """Queue `chunk`; what still comes of an item that was cut is dropped."""
        item = self._items.setdefault(item_id, _Item())
        if len(self._items) > ITEMS_MAX:
            self._items.popitem(last=False)
        if not item.cut and len(chunk):
            self._queue.append(_Piece(item_id, content_index, chunk))

    def take(self, count: int) -> Pcm:
        """The next `count` samples, silence where nothing is queued."""
        out = np.zeros(count, np.int16)
        filled = 0
        while filled < count and self._queue:
            piece = self._queue[0]
            head = piece.chunk[: count - filled]
            out[filled : filled + len(head)] = head
            filled += len(head)
            if item := self._items.get(piece.item_id):
                item.heard_samples += len(head)
            if len(head) == len(piece.chunk):
                self._queue.popleft()
            else:
                piece.chunk = piece.chunk[len(head) :]
        return out

    def cut(self) -> Cut | None:
        """Stop at once and drop what is queued. Returns what was being heard, if anything was."""
        if not self._queue:
            return None
        first = self._queue[0]
        for piece in self._queue:
            if item := self._items.get(piece.item_id):
                item.cut = True
        self._queue.clear()
        # Rounded down: a truncate beyond the item's audio would be refused.
        return Cut(first.item_id, first.content_index, int(self.heard_ms(first.item_id)))
