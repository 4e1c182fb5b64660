"""The one writer to a session's client: a bounded queue of frames that outlives its sockets."""

import asyncio
from collections import deque
from collections.abc import Coroutine

from aiohttp import web

from voicehub.live.connection import Connection
from voicehub.live.sent import Sent
from voicehub.promptly import drained, is_held_back, is_ready, write
from voicehub.realtime.frame import Frame, to_json
from voicehub.telemetry.telemetry import Telemetry

# What may wait for a slow client. A reply of a minute is 4 MB of base64; beyond it the client is
# closed with 1013, so memory never grows with it.
FRAMES_MAX = 8_192
BYTES_MAX = 16 * 1024 * 1024
# A client that takes no bytes for this long is cut off.
SEND_DEADLINE_S = 20.0
_CLOCK_STEP_S = 0.002
# What was sent is remembered for this long at least, and at most for twice as long. A client that
# takes nothing for half a minute is known to be gone by then (the socket's heartbeat).
SENT_KEPT_S = 45.0

# A frame, what must be kept before the client may see it, and since when it waits.
Entry = tuple[Frame, "asyncio.Future[None] | None", float]

_LEAVE_OPEN = (0, b"")


class Outbox:
    """Frames leave in order; one that waits for a durable write holds those behind it, and one
    whose write was given up never leaves. Without a socket they wait for the next one.
    """

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        telemetry = telemetry or Telemetry()
        self._waits = telemetry.hops.cell("core_to_socket")
        self._frames_sent = telemetry.frames.cell("to_client")
        self._bytes_sent = telemetry.frame_bytes.cell("to_client")
        self._connection: Connection | None = None
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._sent = Sent()
        self._arrived = asyncio.Event()
        self._is_idle = False
        self._closing: tuple[int, bytes] | None = None
        self._loop = asyncio.get_running_loop()
        # The write under way: to whom, and since when.
        self._sending: tuple[Connection, float] | None = None
        # One for many frames: a time-out of its own costs a frame more than its way to the socket.
        self._watch: asyncio.TimerHandle | None = None
        self._turn: asyncio.TimerHandle | None = None

    @property
    def overflown(self) -> bool:
        """Whether the client is too slow to go on."""
        return len(self._entries) > FRAMES_MAX or self._bytes > BYTES_MAX

    def attach(self, connection: Connection, last_event_id: str | None = None) -> None:
        """Write to `connection` from now on. What was sent after event `last_event_id` is sent
        again, as far as it is remembered.
        """
        self._leave_socket()
        self._connection = connection
        missed = self._sent.after(last_event_id) if last_event_id else []
        for frame in reversed(missed):
            self._put_first(frame)
        self._sent.clear()
        self._wake()

    def detach(self) -> None:
        """The socket broke: what comes waits for the next one."""
        self._leave_socket()
        self._connection = None

    def put(self, frame: Frame, after: "asyncio.Future[None] | None" = None) -> None:
        """Send `frame` once `after` is done: at once where nothing is to be waited for."""
        if self._is_idle and (after is None or after.done()) and self._sent_now(frame, after):
            return
        self._entries.append((frame, after, self._loop.time()))
        self._bytes += _size(frame)
        self._wake()

    def greet(self, frame: Frame) -> None:
        """Send `frame` before all that waits."""
        self._put_first(frame)
        self._wake()

    def drop(self) -> None:
        """Forget what waits: the client is too slow for it."""
        self._entries.clear()
        self._bytes = 0

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what is queued."""
        if self._closing is None:
            self._closing = (code, reason.encode())
        self._wake()

    def end(self) -> None:
        """Write what is queued, and leave the socket as it is."""
        if self._closing is None:
            self._closing = _LEAVE_OPEN
        self._wake()

    async def run(self) -> None:
        """Write until the end was asked for. A socket that breaks is the reader's news, which tells
        the session. Cancelling it drops what waits.
        """
        self._turn = self._loop.call_later(SENT_KEPT_S, self._forget_sent)
        try:
            await self._write()
        finally:
            self._is_idle = False
            for timer in (self._watch, self._turn):
                if timer is not None:
                    timer.cancel()

    async def _write(self) -> None:
        while True:
            while self._entries and self._connection is not None:
                await self._write_next(self._connection)
            if self._closing is not None:
                await self._close(*self._closing)
                return
            self._arrived.clear()
            # While this waits, frames leave without it.
            self._is_idle = not self._entries
            await self._arrived.wait()
            self._is_idle = False
            if self._connection is not None and is_held_back(self._connection.socket):
                await self._drain(self._connection)

    async def _close(self, code: int, reason: bytes) -> None:
        connection = self._connection
        if connection is not None and (code, reason) != _LEAVE_OPEN:
            await connection.socket.close(code=code, message=reason)

    def _wake(self) -> None:
        self._is_idle = False
        self._arrived.set()

    def _sent_now(self, frame: Frame, after: "asyncio.Future[None] | None") -> bool:
        connection = self._connection
        if connection is None or not is_ready(connection.socket):
            return False
        if after is not None and after.cancelled():
            return True
        message, kind = _message(frame)
        write(connection.socket, message, kind)
        self._note_sent(message, 0.0)
        self._sent.add(frame)
        if is_held_back(connection.socket):
            self._wake()  # whether the client takes it is for `run` to watch
        return True

    def _leave_socket(self) -> None:
        # A write that waits for a dead network would keep the next socket waiting too. Who takes
        # nothing cannot be told anything either.
        if self._connection is not None and is_held_back(self._connection.socket):
            self._connection.abort()

    async def _drain(self, connection: Connection) -> None:
        is_taken = await self._is_in_time(drained(connection.socket), connection)
        if not is_taken and self._connection is connection:
            self.detach()

    def _put_first(self, frame: Frame) -> None:
        self._entries.appendleft((frame, None, self._loop.time()))
        self._bytes += _size(frame)

    async def _write_next(self, connection: Connection) -> None:
        """Send what stands first. It stays there until it is sent: at every await the socket may
        break, or another come with its greeting.
        """
        entry = frame, after, since_s = self._entries[0]
        if after is not None and not after.done():
            await asyncio.wait([after])
        elif after is not None and after.cancelled():
            self._pop(entry)
        elif not await self._send(frame, since_s, connection):
            if self._connection is connection:
                self.detach()
        elif self._connection is connection and self._pop(entry):
            self._sent.add(frame)

    def _pop(self, entry: Entry) -> bool:
        """Returns whether it was still there: all may have been dropped meanwhile."""
        if not self._entries or self._entries[0] is not entry:
            return False
        self._entries.popleft()
        self._bytes -= _size(entry[0])
        return True

    async def _send(self, frame: Frame, since_s: float, connection: Connection) -> bool:
        message, kind = _message(frame)
        sending = connection.socket.send_frame(message, kind)
        is_sent = await self._is_in_time(sending, connection)
        if is_sent:
            self._note_sent(message, self._loop.time() - since_s)
        return is_sent

    def _note_sent(self, message: bytes, waited_s: float) -> None:
        self._waits.observe(waited_s)
        self._frames_sent.value += 1
        self._bytes_sent.value += len(message)

    async def _is_in_time(
        self, sending: Coroutine[None, None, None], connection: Connection
    ) -> bool:
        """Whether `sending` came to its end: at the deadline, the client is cut off."""
        self._sending = connection, self._loop.time()
        if self._watch is None:
            self._watch = self._loop.call_later(SEND_DEADLINE_S, self._look)
        try:
            await sending
        except (ConnectionError, RuntimeError):
            return False
        finally:
            self._sending = None
        return True

    def _forget_sent(self) -> None:
        if self._connection is not None:  # else what it has not seen is kept until it is back
            self._sent.turn()
        self._turn = self._loop.call_later(SENT_KEPT_S, self._forget_sent)

    def _look(self) -> None:
        """Cut a client off that has been taking nothing; the write under way then fails."""
        self._watch = None
        if self._sending is None:
            return
        connection, since_s = self._sending
        due_s = since_s + SEND_DEADLINE_S
        # What began after the timer is due later; the loop's clock may be a little behind.
        if self._loop.time() + _CLOCK_STEP_S < due_s:
            self._watch = self._loop.call_at(due_s, self._look)
        else:
            connection.abort()


def _message(frame: Frame) -> tuple[bytes, web.WSMsgType]:
    if frame.header is not None:
        return frame.header + (frame.audio or b""), web.WSMsgType.BINARY
    return to_json(frame), web.WSMsgType.TEXT


def _size(frame: Frame) -> int:
    return len(frame.audio or frame.raw or b"") + 512
