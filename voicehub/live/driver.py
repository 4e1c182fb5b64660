"""Drives one session: feeds events to the core one at a time and carries out what it asks.

`_apply` never awaits. Everything that takes time waits in a queue with an owner: the outbox, the
engine's lane, the durable writes, the recorder's spool.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from voicehub.engines.engine import Engine
from voicehub.errors import (
    ClientError,
    EngineError,
    FencedError,
    OverloadError,
    StorageError,
    VoiceHubError,
)
from voicehub.live.durable import Durable
from voicehub.live.lanes import EngineLane
from voicehub.live.lease import Lease
from voicehub.live.outbox import Outbox
from voicehub.realtime.frame import Body
from voicehub.realtime.parse import event_id_of, parse_client
from voicehub.session import commands, events
from voicehub.session.commands import Command
from voicehub.session.events import Event
from voicehub.session.session import Session
from voicehub.session.state import EndedReason, Status
from voicehub.sinks.meter import MeterSink
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.transcript import TranscriptSink
from voicehub.tasks import spawn, stop

ENGINE_OPEN_DEADLINE_S = 20.0
SETTLE_EVERY_S = 60.0
# How long a client has to take what was queued before the socket is cut.
FLUSH_DEADLINE_S = 10.0
# How long the last lines and bookings may take; what is not kept by then is in neither store.
DRAIN_DEADLINE_S = 35.0
MS_PER_S = 1000

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sinks:
    """What outlives the session."""

    transcript: TranscriptSink
    meter: MeterSink
    recorder: Recorder


class Driver:
    """One per socket. `run` returns when the core has finished and the socket is closed."""

    def __init__(
        self,
        *,
        core: Session,
        socket: web.WebSocketResponse,
        engine: Engine,
        sinks: Sinks,
        lease: Lease,
        wall_ms: Callable[[], float],
    ) -> None:
        self._core = core
        self._socket = socket
        self._engine = engine
        self._sinks = sinks
        self._lease = lease
        self._wall_ms = wall_ms
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(socket)
        self._lane = EngineLane(engine)
        self._durable = Durable(self._writes_failed)
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self.finish = commands.Finish(Status.FAILED, EndedReason.ENGINE, 0.0)
        """How the session ended, once `run` has returned."""
        # What each command leads to; all of it returns at once.
        self._deeds: dict[type[Command], Callable[[Any], None]] = {
            commands.ToClient: self._to_client,
            commands.ToEngine: lambda command: self._lane.put(command.frame),
            commands.KeepLine: self._keep_line,
            commands.Book: self._book,
            commands.Record: lambda command: self._sinks.recorder.write(command.block),
            commands.CloseSocket: lambda command: self._outbox.close(command.code, command.reason),
            commands.Finish: self._finish,
        }

    async def run(self, session: Body) -> None:
        """Hold the conversation that `session` (the agent's) describes, to its end."""
        writer = spawn(self._outbox.run(), name="outbox")
        durable = spawn(self._durable.run(), name="durable")
        try:
            await self._converse(session)
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self._durable.drained()
            async with asyncio.timeout(FLUSH_DEADLINE_S):
                await asyncio.wait([writer])
        except TimeoutError:
            logger.warning("session ended with frames or writes waiting")
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await stop(writer)
            await stop(durable)
            await self._engine.aclose()

    def end(self, reason: EndedReason, error: VoiceHubError, *, at_turn_end: bool = False) -> None:
        """End the session from outside: drain, an admin, a lost lease."""
        self._apply(events.EndAsked(reason, error, at_turn_end))

    async def _converse(self, session: Body) -> None:
        try:
            async with asyncio.timeout(ENGINE_OPEN_DEADLINE_S):
                effective = await self._engine.open(session)
        except TimeoutError:
            self._apply(events.EngineEnded(EngineError("The engine did not open in time.")))
            return
        except EngineError as error:
            self._apply(events.EngineEnded(error))
            return
        self._sinks.transcript.start()
        self._apply(events.Opened(effective, self._wall_ms()))
        lanes = [
            spawn(lane, name=name)
            for name, lane in (
                ("client", self._read_client()),
                ("to engine", self._lane.run()),
                ("from engine", self._read_engine()),
                ("lease", self._lease.keep(self._lost)),
                ("settle", self._settle_regularly()),
            )
        ]
        over = spawn(self._over.wait(), name="over")
        try:
            # A lane that fails by our own fault ends the session like an engine's failure would.
            await self._first_failure(over, lanes)
        finally:
            for task in (over, *lanes):
                await stop(task)

    async def _first_failure(
        self, over: "asyncio.Task[Any]", lanes: "list[asyncio.Task[None]]"
    ) -> None:
        waiting: set[asyncio.Task[Any]] = {over, *lanes}
        while not over.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not over and not task.cancelled() and task.exception() is not None:
                    logger.error("lane failed", lane=task.get_name(), exc_info=task.exception())
                    lanes.remove(task)
                    self._apply(events.EngineEnded(EngineError("The server failed.")))

    # -- events ------------------------------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        """Feed one event to the core. No await from here on: events are handled one at a time."""
        now_ms = self._loop.time() * MS_PER_S
        for command in self._core.handle(event, now_ms):
            self._deeds[type(command)](command)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_ms = self._core.deadline_ms()
        if deadline_ms is not None:
            self._timer = self._loop.call_at(deadline_ms / MS_PER_S, self._wake)

    def _wake(self) -> None:
        try:
            self._apply(events.Woke())
        except Exception:  # a bug of ours must end this session, not leave it without a clock
            logger.exception("session failed at its deadline")
            self._apply(events.EngineEnded(EngineError("The server failed.")))

    async def _read_client(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                self._apply(self._client_event(message.data))
                await self._lane.room()
            elif message.type is WSMsgType.BINARY:
                error = ClientError("Binary messages need the subprotocol voicehub.v1.")
                self._apply(events.ClientErred(error))
            else:
                clean = message.type is WSMsgType.CLOSE and message.data in {1000, 1001, 1005}
                self._apply(events.ClientLeft(clean))
                return

    @staticmethod
    def _client_event(raw: bytes) -> Event:
        try:
            return events.ClientSent(parse_client(raw))
        except ClientError as error:
            return events.ClientErred(error, event_id_of(raw))

    async def _read_engine(self) -> None:
        try:
            async for frame in self._engine.frames():
                self._apply(events.EngineSent(frame))
                if self._outbox.overflown:
                    self._outbox.drop()
                    error = OverloadError("The client reads too slowly.")
                    self._apply(events.ClientErred(error))
        except EngineError as error:
            self._apply(events.EngineEnded(error))
        else:
            self._apply(events.EngineEnded(EngineError("The engine ended the session.")))

    async def _settle_regularly(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_EVERY_S)
            try:
                await self._sinks.meter.settle()
            except StorageError as error:
                logger.warning("settlement failed", code=error.code)

    def _writes_failed(self, error: StorageError) -> None:
        reason = EndedReason.LOST if isinstance(error, FencedError) else EndedReason.ENGINE
        self.end(reason, error)

    def _lost(self, error: FencedError) -> None:
        self.end(EndedReason.LOST, error)

    # -- commands ----------------------------------------------------------------------------------

    def _to_client(self, command: commands.ToClient) -> None:
        self._outbox.put(command.frame, self._durable.last if command.held else None)

    def _keep_line(self, command: commands.KeepLine) -> None:
        self._durable.put(partial(self._sinks.transcript.keep, command.sequence, command.line))

    def _book(self, command: commands.Book) -> None:
        self._durable.put(partial(self._count, command))

    async def _count(self, command: commands.Book) -> None:
        left = await self._sinks.meter.book(command)
        if left is not None:
            self._apply(events.QuotaRead(command.sequence, left.audio_left, left.text_left))

    def _finish(self, command: commands.Finish) -> None:
        self.finish = command
        self._over.set()
