"""The one writer of a socket: a bounded queue of frames, and the only caller of `ws.send_*`."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

from aiohttp import web

from voicehub.promptly import drained, is_held_back, is_ready, write
from voicehub.realtime.frame import Frame, to_json

# What may wait for a slow client. A reply of a minute is 4 MB of base64; beyond it the client is
# closed with 1013, so memory never grows with it.
FRAMES_MAX = 8_192
BYTES_MAX = 16 * 1024 * 1024
# A client that takes no bytes for this long is cut off.
SEND_DEADLINE_S = 20.0
_CLOCK_STEP_S = 0.002

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
        self._is_idle = False
        self._closing: tuple[int, bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self._sending_since_s: float | None = None
        # One for many frames: a time-out of its own costs a frame more than its way to the socket.
        self._watch: asyncio.TimerHandle | None = None

    @property
    def overflown(self) -> bool:
        """Whether the client is too slow to go on."""
        return len(self._entries) > FRAMES_MAX or self._bytes > BYTES_MAX

    def put(self, frame: Frame, after: "asyncio.Future[None] | None" = None) -> None:
        """Send `frame` once `after` is done: at once where nothing is to be waited for."""
        if self._is_idle and (after is None or after.done()) and is_ready(self._socket):
            self._send_now(frame, after)
            return
        self._entries.append((frame, after))
        self._bytes += _size(frame)
        self._is_idle = False
        self._arrived.set()

    def _send_now(self, frame: Frame, after: "asyncio.Future[None] | None") -> None:
        if after is None or not after.cancelled():
            write(self._socket, *_message(frame))
            if is_held_back(self._socket):
                # Whether the client takes it is for `run` to watch.
                self._is_idle = False
                self._arrived.set()

    def drop(self) -> None:
        """Forget what waits: the client is too slow for it."""
        self._entries.clear()
        self._bytes = 0

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what is queued."""
        if self._closing is None:
            self._closing = (code, reason.encode())
        self._is_idle = False
        self._arrived.set()

    async def run(self) -> None:
        """Write until the socket is closed or broken; in both cases the reader sees it too, and
        tells the session. Cancelling it drops what waits.
        """
        try:
            await self._write()
        finally:
            self._is_idle = False
            if self._watch is not None:
                self._watch.cancel()

    async def _write(self) -> None:
        while True:
            while self._entries:
                frame, after = self._entries.popleft()
                self._bytes -= _size(frame)
                if after is not None:
                    if not after.done():
                        await asyncio.wait([after])
                    if after.cancelled():
                        continue
                if not await self._send(frame):
                    return
            if self._closing is not None:
                code, reason = self._closing
                await self._socket.close(code=code, message=reason)
                return
            self._arrived.clear()
            # While this waits, frames leave without it.
            self._is_idle = True
            await self._arrived.wait()
            self._is_idle = False
            if is_held_back(self._socket) and not await self._within_deadline(
                drained(self._socket)
            ):
                return

    async def _send(self, frame: Frame) -> bool:
        return await self._within_deadline(self._socket.send_frame(*_message(frame)))

    async def _within_deadline(self, sending: Coroutine[None, None, None]) -> bool:
        self._sending_since_s = self._loop.time()
        if self._watch is None:
            self._watch = self._loop.call_later(SEND_DEADLINE_S, self._look)
        try:
            await sending
        except (ConnectionError, RuntimeError):
            return False
        finally:
            self._sending_since_s = None
        return True

    def _look(self) -> None:
        """Cut a client off that has been taking nothing; the write under way then fails."""
        self._watch = None
        if self._sending_since_s is None:
            return
        due_s = self._sending_since_s + SEND_DEADLINE_S
        # What began after the timer is due later; the loop's clock may be a little behind.
        if self._loop.time() + _CLOCK_STEP_S < due_s:
            self._watch = self._loop.call_at(due_s, self._look)
        else:
            self._abort()


def _message(frame: Frame) -> tuple[bytes, web.WSMsgType]:
    if frame.header is not None:
        return frame.header + (frame.audio or b""), web.WSMsgType.BINARY
    return to_json(frame), web.WSMsgType.TEXT


def _size(frame: Frame) -> int:
    return len(frame.audio or frame.raw or b"") + 512
