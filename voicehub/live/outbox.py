"""The one writer of a socket: a bounded queue of frames, and the only caller of `ws.send_*`."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import web

from voicehub.realtime.frame import Frame, to_json

# What may wait for a slow client. A reply of a minute is 4 MB of base64; beyond it the client is
# closed with 1013, so memory never grows with it.
FRAMES_MAX = 8_192
BYTES_MAX = 16 * 1024 * 1024
# A client that takes no bytes for this long is cut off.
SEND_DEADLINE_S = 20.0

# A frame, and what must be kept before the client may see it.
Entry = tuple[Frame, "asyncio.Future[None] | None"]


class Outbox:
    """Frames leave in order; one that waits for a durable write holds those behind it, and one
    whose write was given up never leaves.
    """

    def __init__(self, socket: web.WebSocketResponse, abort: Callable[[], None]) -> None:
        self._socket = socket
        self._abort = abort
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._closing: tuple[int, bytes] | None = None

    @property
    def overflown(self) -> bool:
        """Whether the client is too slow to go on."""
        return len(self._entries) > FRAMES_MAX or self._bytes > BYTES_MAX

    def put(self, frame: Frame, after: "asyncio.Future[None] | None" = None) -> None:
        """Queue `frame`, to be sent once `after` is done."""
        self._entries.append((frame, after))
        self._bytes += _size(frame)
        self._arrived.set()

    def drop(self) -> None:
        """Forget what waits: the client is too slow for it."""
        self._entries.clear()
        self._bytes = 0

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what is queued."""
        if self._closing is None:
            self._closing = (code, reason.encode())
        self._arrived.set()

    async def run(self) -> None:
        """Write until the socket is closed or broken; in both cases the reader sees it too, and
        tells the session. Cancelling it drops what waits.
        """
        while True:
            while self._entries:
                frame, after = self._entries.popleft()
                self._bytes -= _size(frame)
                if after is not None and not after.done():
                    await asyncio.wait([after])
                if after is not None and after.cancelled():
                    continue
                if not await self._send(frame):
                    return
            if self._closing is not None:
                code, reason = self._closing
                await self._socket.close(code=code, message=reason)
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def _send(self, frame: Frame) -> bool:
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await self._socket.send_frame(*_message(frame))
        except TimeoutError:
            self._abort()
            return False
        except (ConnectionError, RuntimeError):
            return False
        return True


def _message(frame: Frame) -> tuple[bytes, web.WSMsgType]:
    if frame.header is not None:
        return frame.header + (frame.audio or b""), web.WSMsgType.BINARY
    return to_json(frame), web.WSMsgType.TEXT


def _size(frame: Frame) -> int:
    return len(frame.audio or frame.raw or b"") + 512
