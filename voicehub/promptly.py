"""Writes a WebSocket message at once where nothing has to be waited for: no task and no future.

This is the one place that knows aiohttp from the inside; `tests/unit/test_promptly.py` fails when
that changes, and pyproject.toml says which version is known.
"""

# ruff: noqa: SLF001  # as it says

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


class LazyHeartbeat:
    """Makes aiohttp's heartbeat cheap, for a subclass of one of its two sockets.

    aiohttp takes a turn of the loop for each chunk of bytes, to note that the peer lives. Where its
    timer runs and no ping is out, that is one assignment; the timer looks at it when it is due.
    """

    _loop: Any
    _heartbeat: Any
    _heartbeat_cb: Any
    _heartbeat_when: float
    _pong_response_cb: Any

    def _on_data_received(self) -> None:
        if self._heartbeat_cb is None or self._pong_response_cb is not None:
            super()._on_data_received()  # type: ignore[misc]  # aiohttp's class stands behind it
        else:
            self._heartbeat_when = self._loop.time() + self._heartbeat


class ServerSocket(LazyHeartbeat, web.WebSocketResponse):
    """A session's socket. Text comes as bytes: make it with `decode_text=False`."""
