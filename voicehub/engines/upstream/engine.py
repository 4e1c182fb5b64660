"""The upstream engine: a session with another realtime API, which may break off in the middle.

It does what the `Relay` decides: reads, writes, reconnects, and waits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import structlog
from aiohttp import ClientSession, WSMsgType

from voicehub.engines.upstream.account import Upstream
from voicehub.engines.upstream.dial import Line, Patience, dial
from voicehub.engines.upstream.relay import Relay
from voicehub.engines.upstream.server_events import read
from voicehub.errors import EngineError
from voicehub.ids import new_id
from voicehub.promptly import is_ready, write
from voicehub.realtime.frame import Body, Frame, to_json
from voicehub.tasks import spawn, stop

# Messages of one connection that are no events; one more and it is broken off.
GARBAGE_MAX = 64
# Pauses in which a new connection is tried before the old one's end; then the end is waited for.
RECYCLES_MAX = 5

_CLOSED = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})

_DEFAULT_PATIENCE = Patience()


class UpstreamEngine:
    """One conversation. `http` is shared and outlives it."""

    def __init__(
        self, upstream: Upstream, http: ClientSession, patience: Patience = _DEFAULT_PATIENCE
    ) -> None:
        self._upstream = upstream
        self._http = http
        self._patience = patience
        self._log = structlog.get_logger(__name__).bind(engine=upstream.name)
        self._relay: Relay
        self._line: Line | None = None
        self._is_over = False
        self._losses: deque[float] = deque()
        self._recycle_at: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._recycling: asyncio.Task[None] | None = None
        self._dialling: asyncio.Task[Line] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._garbage = 0
        self.unknown = 0
        """Events that were dropped because the protocol does not know their type."""
        self.garbage = 0
        """Messages that were no events."""

    async def open(self, session: Body) -> Body:
        self._relay = Relay(
            session,
            engine=self._upstream.name,
            transcription_model=self._upstream.transcription_model,
            new_id=new_id,
        )
        line = await self._dial(self._patience.open_s)
        self._take_up(line)
        self._relay.for_client.extend(line.early)
        return self._relay.opened(line.session)

    async def send(self, frame: Frame) -> None:
        """Waits while the upstream takes nothing. While there is none, the relay keeps it."""
        line = self._line
        for each in self._relay.from_client(frame):
            if line is not None:
                await self._write(line, each)

    def send_now(self, frame: Frame) -> bool:
        """Not while the upstream takes less than it is sent: `send` waits, with its deadline."""
        line = self._line
        if line is not None and not is_ready(line.socket):
            return False
        frames = self._relay.from_client(frame)
        try:
            for each in frames:
                if line is not None:
                    write(line.socket, to_json(each), WSMsgType.TEXT)
        except ConnectionError:
            return True  # as in `_write`
        return True

    async def frames(self) -> AsyncIterator[Frame]:
        """One consumer. It reads the socket itself: no task and no queue stand between."""
        relay = self._relay
        while not self._is_over:
            while relay.for_client:
                yield relay.for_client.popleft()
            if relay.failure is not None:
                raise relay.failure
            line = self._line
            if line is None:
                await self._reconnect()
                continue
            message = await line.socket.receive()
            if line is not self._line:
                continue  # another has taken its place
            if message.type is WSMsgType.TEXT:
                frame = self._read(message.data)
                if frame is not None:
                    yield frame
            elif message.type not in _CLOSED:
                self._count_garbage()
            if message.type in _CLOSED or self._must_leave:
                await self._lose(line)

    async def aclose(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._recycle_at is not None:
            self._recycle_at.cancel()
        tasks = [each for each in (self._recycling, self._dialling, self._resuming) if each]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await _discard(self._dialling)
        if self._line is not None:
            await self._line.socket.close()
        if self.unknown or self.garbage:
            self._log.info("upstream events dropped", unknown=self.unknown, garbage=self.garbage)

    # -- one connection ----------------------------------------------------------------------------

    def _take_up(self, line: Line) -> None:
        self._line = line
        self._garbage = 0
        self._idle.clear()
        if self._recycle_at is not None:
            self._recycle_at.cancel()
        longest_s = self._upstream.session_max_s
        age_s = longest_s - min(self._patience.recycle_s, longest_s / 4)
        self._recycle_at = asyncio.get_running_loop().call_later(age_s, self._start_recycling)

    def _read(self, raw: bytes) -> Frame | None:
        try:
            frame = read(raw)
        except ValueError:
            self._count_garbage()
            return None
        if frame is None:
            self.unknown += 1
            return None
        shown = self._relay.from_upstream(frame)
        if self._relay.is_idle:
            self._idle.set()
        while self._relay.refused:
            self._log.warning("upstream refused an event", code=self._relay.refused.pop())
        return shown

    @property
    def _must_leave(self) -> bool:
        return self._relay.expired or self._garbage > GARBAGE_MAX

    def _count_garbage(self) -> None:
        if not self.garbage:
            self._log.warning("upstream sent what is no event")
        self.garbage += 1
        self._garbage += 1

    async def _write(self, line: Line, frame: Frame) -> None:
        if is_ready(line.socket):
            write(line.socket, to_json(frame), WSMsgType.TEXT)
            return
        # Not asyncio.timeout: cancelling a send that waits makes aiohttp cancel those after it.
        loop = asyncio.get_running_loop()
        late = loop.call_later(self._patience.send_s, self._break_off, line)
        try:
            await line.socket.send_frame(to_json(frame), WSMsgType.TEXT)
        except ConnectionError:
            pass  # `frames` sees it too, and the relay has what matters
        finally:
            late.cancel()

    def _break_off(self, line: Line) -> None:
        self._log.warning("upstream takes nothing")
        line.socket.abort()

    async def _lose(self, line: Line) -> None:
        if self._is_over:
            return
        self._log.warning("upstream lost", close_code=int(line.socket.close_code or 0))
        self._line = None
        self._relay.lost()
        await stop(self._resuming)
        await line.socket.close()

    # -- the next one ------------------------------------------------------------------------------

    async def _reconnect(self) -> None:
        """Raises EngineError when the upstream is gone for good, or keeps breaking off."""
        now = asyncio.get_running_loop().time()
        self._losses.append(now)
        while self._losses[0] < now - self._patience.losses_s:
            self._losses.popleft()
        if len(self._losses) > self._patience.losses_max:
            raise EngineError(f"The engine '{self._upstream.name}' keeps breaking off.")
        await stop(self._recycling)
        # A task of its own, so that `aclose` can end it.
        self._dialling = spawn(self._dial(self._patience.reconnect_s), name="upstream dial")
        await asyncio.wait([self._dialling])
        if not self._is_over:
            self._resume(self._dialling.result())

    def _resume(self, line: Line) -> None:
        self._take_up(line)
        try:
            events = self._relay.resume(line.told, line.session)
        except EngineError as error:
            self._relay.failure = error
            return
        # A task of its own: while a long conversation is told, its answers must be read.
        self._resuming = spawn(self._tell(line, events), name="upstream resume")
        self._log.info("upstream resumed", events=len(events))

    async def _tell(self, line: Line, events: list[Frame]) -> None:
        for frame in events:
            await self._write(line, frame)
        while rest := self._relay.rest():
            for frame in rest:
                await self._write(line, frame)

    async def _dial(self, deadline_s: float) -> Line:
        update = self._relay.update
        return await dial(self._upstream, self._http, update, self._patience, deadline_s)

    # -- before the upstream's maximum duration ----------------------------------------------------

    def _start_recycling(self) -> None:
        if self._recycling is None or self._recycling.done():
            self._recycling = spawn(self._recycle(), name="upstream recycle")

    async def _recycle(self) -> None:
        """Change to a new connection in a pause. Without one the old one's end is a loss."""
        for _ in range(RECYCLES_MAX):
            while not self._relay.is_idle:
                self._idle.clear()
                await self._idle.wait()
            old = self._line
            try:
                line = await self._dial(self._patience.reconnect_s)
            except EngineError as error:
                self._log.warning("upstream not renewed", reason=error.message)
                return
            if old is None or self._line is not old or not self._relay.is_idle:
                await line.socket.close()
                continue
            # No await between these: nobody speaks, and nothing comes in between.
            self._relay.lost()
            self._resume(line)
            await old.socket.close()
            return


async def _discard(task: "asyncio.Task[Line] | None") -> None:
    """Close the connection that `task` has opened, if it has."""
    if task is not None and not task.cancelled() and task.exception() is None:
        await task.result().socket.close()
