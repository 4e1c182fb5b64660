"""Binary audio frames of the subprotocol `voicehub.v1`: the agent's audio behind a 16-byte header.

Layout, big-endian: version (1 byte), flags (1), output index (2), item number (4), start offset of
the audio within its item in milliseconds (4), zero (4). The audio follows in the session's output
format. From client to server a binary message is audio in the input format, without a header.
"""

import struct
from dataclasses import dataclass

VERSION = 1
FIRST = 0x01
"""Flag: the item's first audio."""

_HEADER = struct.Struct("!BBHIII")
HEADER_BYTES = _HEADER.size


@dataclass(frozen=True, slots=True)
class AudioHeader:
    output_index: int
    item_number: int
    """Which item of the session this is; `response.output_item.added` tells its id."""
    start_ms: int
    first: bool = False

    def pack(self) -> bytes:
        return pack(self.output_index, self.item_number, self.start_ms, first=self.first)


def pack(output_index: int, item_number: int, start_ms: int, *, first: bool) -> bytes:
    """A header's bytes, without the record: one goes before every delta of every session."""
    return _HEADER.pack(VERSION, FIRST if first else 0, output_index, item_number, start_ms, 0)


def unpack(message: bytes) -> tuple[AudioHeader, bytes]:
    """Header and audio of a binary message. Raises ValueError for what is no such message."""
    if len(message) < HEADER_BYTES:
        raise ValueError("a binary frame is shorter than its header")
    version, flags, output_index, item_number, start_ms, _ = _HEADER.unpack_from(message)
    if version != VERSION:
        raise ValueError(f"binary frames of version {version} are not known")
    header = AudioHeader(output_index, item_number, start_ms, bool(flags & FIRST))
    return header, message[HEADER_BYTES:]
