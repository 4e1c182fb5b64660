"""Writes a WebSocket message at once where nothing has to be waited for: no task and no future.

This is the one place that knows aiohttp from the inside; `tests/unit/test_promptly.py` fails when
that changes, and pyproject.toml says which version is known.
"""

from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType, web

Socket = web.WebSocketResponse[Any] | ClientWebSocketResponse[Any]


def is_ready(socket: Socket) -> bool:
    """Whether `write` may be used until the next await, if no `send_frame` is under way."""
    writer = socket._writer
    return (
        writer is not None
        and not writer.protocol.writing_paused
        and not writer._closing
        and not writer.compress
        and not writer.transport.is_closing()
    )


def write(socket: Socket, message: bytes, kind: WSMsgType) -> None:
    """Write after `is_ready`. Raises ConnectionError where `socket.send_frame` would."""
    writer = socket._writer
    assert writer is not None
    writer._write_websocket_frame(message, kind, 0)


def is_held_back(socket: Socket) -> bool:
    """Whether the peer takes less than it is sent: the next message has to wait."""
    writer = socket._writer
    return writer is not None and writer.protocol.writing_paused


async def drained(socket: Socket) -> None:
    """Wait until the peer has taken most of what it was sent. Raises ConnectionError."""
    writer = socket._writer
    if writer is not None and writer.protocol.writing_paused:
        await writer.protocol._drain_helper()
