"""WebSocket frames made by hand over a raw TCP connection: what no proper client would send."""

import asyncio
import base64
import os
import struct
from dataclasses import dataclass, field

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0
STEP_S_MAX = 10.0


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """One frame. Clients must mask theirs."""
    first = (0x80 if final else 0) | (reserved << 4) | opcode
    size = len(payload)
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


@dataclass
class Outcome:
    """What the server answered: its frames in order, and how it closed (None: without a code)."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    close_code: int | None = None


async def exchange(port: int, sent: list[bytes]) -> Outcome:
    """Open a socket, send the pieces, and read until the server has closed the connection."""
    async with asyncio.timeout(STEP_S_MAX):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await _upgrade(reader, writer)
            for piece in sent:
                writer.write(piece)
                await writer.drain()
            return await _read(reader, writer)
        finally:
            writer.transport.abort()


async def _upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 "), answer


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Outcome:
    outcome = Outcome()
    try:
        while True:
            opcode, payload = await _frame(reader)
            if opcode == CLOSE:
                outcome.close_code = struct.unpack("!H", payload[:2])[0] if payload else None
                # The handshake's second half, so that the server can let go.
                writer.write(frame(CLOSE, payload[:2]))
                return outcome
            outcome.answers.append((opcode, payload))
    except (asyncio.IncompleteReadError, ConnectionError):
        return outcome


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    assert not first & 0x70, "the server sets a reserved bit"
    assert not second & 0x80, "the server masks"
    assert first & 0x80, "the server fragments"
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    return first & 0x0F, await reader.readexactly(size)
