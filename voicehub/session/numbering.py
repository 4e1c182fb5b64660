"""Numbers the items of a voicehub.v1 session, and says which audio of them a binary frame holds."""

from collections import OrderedDict
from dataclasses import dataclass

from voicehub.audio.formats import AudioFormat
from voicehub.realtime.binary import pack
from voicehub.realtime.frame import Frame

# Items whose number is remembered. Audio of an older one goes out as JSON, as to everybody else.
ITEMS_MAX = 64
OUTPUT_INDEX_MAX = 0xFFFF
START_MS_MAX = 0xFFFF_FFFF


@dataclass(slots=True)
class _Sent:
    number: int
    size_bytes: int = 0


class Numbering:
    """Numbers begin at 1 and are given in the order in which items are announced."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, _Sent] = OrderedDict()
        self._last = 0

    def announce(self, item_id: str) -> int:
        """The item's number; the same one when it is announced again."""
        sent = self._items.get(item_id)
        if sent is None:
            self._last += 1
            sent = self._items[item_id] = _Sent(self._last)
            if len(self._items) > ITEMS_MAX:
                self._items.popitem(last=False)
        return sent.number

    def header(self, frame: Frame, audio_format: AudioFormat) -> bytes | None:
        """What stands before the audio of `frame`; None when its item was not announced."""
        sent = self._items.get(str(frame.body.get("item_id")))
        if sent is None:
            return None
        index = frame.body.get("output_index")
        if not isinstance(index, int) or not 0 <= index <= OUTPUT_INDEX_MAX:
            index = 0
        start_ms = min(sent.size_bytes // audio_format.bytes_per_ms, START_MS_MAX)
        header = pack(index, sent.number, start_ms, first=not sent.size_bytes)
        sent.size_bytes += len(frame.audio or b"")
        return header
