"""Drives one owner's session: feeds events to the core one at a time, carries out what it asks.

`_apply` never awaits. Everything that takes time waits in a queue with an owner: the outbox, the
engine's lane, the durable writes, the recorder's spool.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import structlog

from voicehub.engines.engine import Engine
from voicehub.errors import (
    ConflictError,
    EngineError,
    FencedError,
    ForbiddenError,
    OverloadError,
    StorageError,
    VoiceHubError,
)
from voicehub.live.connection import Connection
from voicehub.live.durable import Durable
from voicehub.live.finale import Sinks
from voicehub.live.lanes import EngineLane
from voicehub.live.lease import Hearing, Lease
from voicehub.live.outbox import Outbox
from voicehub.live.reader import Reader
from voicehub.live.tools import ToolRunner
from voicehub.live.turns import Turns
from voicehub.realtime.frame import Body
from voicehub.session import commands, events
from voicehub.session.commands import Command
from voicehub.session.events import Event
from voicehub.session.session import Session
from voicehub.session.state import EndedReason, Status
from voicehub.storage.lease import Wish
from voicehub.tasks import spawn, stop
from voicehub.telemetry.telemetry import Telemetry

ENGINE_OPEN_DEADLINE_S = 20.0
SETTLE_EVERY_S = 60.0
# How long a client has to take what was queued; then the connection is cut.
FLUSH_DEADLINE_S = 10.0
# How long the last lines and bookings may take; what is not kept by then is in neither store.
DRAIN_DEADLINE_S = 35.0
# A client whose session goes on at another socket stays away.
REPLACED_CLOSE_CODE = 1008
MS_PER_S = 1000

logger = structlog.get_logger(__name__)


class Driver:
    """One per socket. `run` returns when the core has finished and the socket is closed."""

    def __init__(
        self,
        session_id: int,
        *,
        core: Session,
        connection: Connection,
        engine: Engine,
        sinks: Sinks,
        lease: Lease,
        wall_ms: Callable[[], float],
        tools: ToolRunner | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`connection` is the first; others may come. Without `tools` the core has none."""
        self.session_id = session_id
        self._core = core
        self.connection: Connection | None = connection
        """The client's socket, while it has one."""
        # What the core speaks; a client that comes back must speak it too.
        self._is_extended = connection.is_extended
        self._engine = engine
        self._sinks = sinks
        self._lease = lease
        self._tools = tools
        self._wall_ms = wall_ms
        self._loop = asyncio.get_running_loop()
        self._telemetry = telemetry = telemetry or Telemetry()
        self._turns = Turns(telemetry)
        self._outbox = Outbox(telemetry)
        self._outbox.attach(connection)
        self._lane = EngineLane(engine, telemetry)
        self._durable = Durable(self._writes_failed)
        self._began = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_s = 0.0
        self._over = asyncio.Event()
        self._booking: commands.Book
        self._booking_waits = False
        self._reading: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self.finish = commands.Finish(Status.FAILED, EndedReason.ENGINE, 0.0)
        """How the session ended, once `run` has returned."""
        # What each command leads to; all of it returns at once.
        self._deeds: dict[type[Command], Callable[[Any], None]] = {
            commands.ToClient: self._to_client,
            commands.Greet: lambda command: self._outbox.greet(command.frame),
            commands.ToEngine: self._to_engine,
            commands.KeepLine: self._keep_line,
            commands.BeginLeg: lambda command: sinks.row.begin_leg(command.at_ms, command.wall_ms),
            commands.KeepClientSession: lambda command: sinks.row.keep_client_session(
                command.session
            ),
            commands.Book: self._book,
            commands.Record: lambda command: self._sinks.recorder.write(command.block),
            commands.CallTool: self._start_tool,
            commands.CloseSocket: lambda command: self._outbox.close(command.code, command.reason),
            commands.Finish: self._finish,
        }

    async def run(self, session: Body) -> None:
        """Hold the conversation that `session` (the agent's) describes, to its end."""
        async with AsyncExitStack() as ending:
            ending.push_async_callback(self._engine.aclose)
            ending.callback(self._turns.close)
            durable = spawn(self._durable.run(), name="durable")
            ending.push_async_callback(stop, durable)
            writer = spawn(self._outbox.run(), name="outbox")
            ending.push_async_callback(stop, writer)
            ending.callback(self._disarm)
            await self._converse(session, writer)
            try:
                async with asyncio.timeout(DRAIN_DEADLINE_S):
                    await self._durable.drained()
            except TimeoutError:
                logger.warning("session ended with writes waiting")
            _, late = await asyncio.wait([writer], timeout=FLUSH_DEADLINE_S)
            if late and self.connection is not None:
                logger.info("connection cut with frames waiting")
                self.connection.abort()

    @property
    def state(self) -> str:
        """For who counts sessions: how far this one is."""
        if self._core.is_open:
            return "open" if self.connection is not None else "away"
        return "closing" if self._began else "opening"

    @property
    def unsettled_since_s(self) -> float | None:
        """Since when tokens wait to be settled, by `time.monotonic`."""
        return self._sinks.meter.unsettled_since_s

    def takes(self, *, is_extended: bool) -> bool:
        """Whether a socket that speaks like that may be attached."""
        return self._core.is_open and is_extended == self._is_extended

    def attach(self, connection: Connection, last_event_id: str | None = None) -> bool:
        """Serve `connection` from now on; who was served before is told and closed.

        Events after `last_event_id` are sent again, as far as they are remembered. Returns whether
        there is still something to serve.
        """
        if not self.takes(is_extended=connection.is_extended):
            return False
        former, self.connection = self.connection, connection
        self._stop_reading()
        self._outbox.attach(connection, last_event_id)
        self._apply(events.ClientCame())
        self._read(connection)
        if former is not None:
            error = ConflictError("The session goes on elsewhere.", code="session_replaced")
            error.close_code = REPLACED_CLOSE_CODE
            self._also(former.dismiss(error), "dismissal")
        return True

    def grant(self, wish: Wish) -> None:
        """Do what somebody other than the client asks of the session."""
        if wish is Wish.PAUSE:
            self._apply(events.PauseAsked())
        else:
            error = ForbiddenError("The session was ended.", code="session_ended")
            by_admin = wish is Wish.END_BY_ADMIN
            self.end(EndedReason.ADMIN if by_admin else EndedReason.CLIENT_CLOSE, error)

    def end(
        self,
        reason: EndedReason,
        error: VoiceHubError,
        *,
        at_turn_end: bool = False,
        within_ms: float = 0.0,
    ) -> None:
        """End the session from outside: drain, an admin, a lost lease.

        `within_ms` is what the client is told of a turn that may end first; who asks, asks again.
        """
        self._apply(events.EndAsked(reason, error, at_turn_end, within_ms))

    def lose(self, error: FencedError) -> None:
        """A newer owner has the session."""
        self.end(EndedReason.LOST, error)

    async def _converse(self, session: Body, writer: "asyncio.Task[None]") -> None:
        hearing = Hearing(lost=self.lose, wished=self.grant, emptied=self._emptied)
        # From the beginning: an engine may take longer to open than the lease lasts.
        lanes = [spawn(self._lease.keep(hearing), name="lease")]
        over = spawn(self._over.wait(), name="over")
        try:
            if not await self._opened(session):
                return
            lanes += [
                spawn(lane, name=name)
                for name, lane in (
                    ("to engine", self._lane.run()),
                    ("from engine", self._read_engine()),
                    ("settle", self._settle_regularly()),
                    ("tools", self._read_tools()),
                )
            ]
            # A lane that fails by our own fault ends the session like an engine's failure would.
            await self._first_failure(over, [*lanes, writer])
        finally:
            for task in (over, *lanes, *self._beside):
                with suppress(Exception):  # `_first_failure` has told of it
                    await stop(task)
            if self._tools is not None:
                await self._tools.aclose()

    async def _opened(self, session: Body) -> bool:
        """Open the engine. Returns whether there is a conversation then."""
        try:
            with self._telemetry.engine_opening():
                async with asyncio.timeout(ENGINE_OPEN_DEADLINE_S):
                    effective = await self._engine.open(session)
        except TimeoutError:
            self._apply(events.EngineEnded(EngineError("The engine did not open in time.")))
            return False
        except EngineError as error:
            self._apply(events.EngineEnded(error))
            return False
        self._began = True
        self._sinks.transcript.start()
        self._sinks.row.start()
        self._apply(events.Opened(effective, self._wall_ms()))
        if self.connection is not None:
            self._read(self.connection)
        return True

    async def _first_failure(
        self, over: "asyncio.Task[Any]", lanes: "list[asyncio.Task[None]]"
    ) -> None:
        waiting: set[asyncio.Task[Any]] = {over, *lanes}
        while not over.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not over and not task.cancelled() and task.exception() is not None:
                    logger.error("lane failed", lane=task.get_name(), exc_info=task.exception())
                    self._apply(events.EngineEnded(EngineError("The server failed.")))

    # -- events ------------------------------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        """Feed one event to the core. No await from here on: events are handled one at a time."""
        now_ms = self._loop.time() * MS_PER_S
        for command in self._core.handle(event, now_ms):
            self._deeds[type(command)](command)
        self._arm()
        if self._outbox.overflown:
            self._outbox.drop()
            self._apply(events.ClientErred(OverloadError("The client reads too slowly.")))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        deadline_ms = self._core.deadline_ms()
        if deadline_ms is None:
            self._disarm()
            return
        deadline_s = deadline_ms / MS_PER_S
        # Most deadlines move on with every frame; waking too early finds nothing due and is cheaper
        # than a new timer each time.
        if self._timer is not None and self._armed_s <= deadline_s:
            return
        self._disarm()
        # The loop's own note of the time is not asked for: uvloop keeps none of what is due now.
        self._armed_s = deadline_s
        self._timer = self._loop.call_at(deadline_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        try:
            self._apply(events.Woke())
        except Exception:  # a bug of ours must end this session, not leave it without a clock
            logger.exception("session failed at its deadline")
            self._apply(events.EngineEnded(EngineError("The server failed.")))

    def _also(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Work beside the lanes, as long as a connection lasts; it ends with the driver."""
        task = spawn(work, name=name)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task

    def _read(self, connection: Connection) -> None:
        self._reading = self._also(self._serve(connection), "client")

    def _stop_reading(self) -> None:
        """What comes from now on is not for this session, or for whoever reads after it."""
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()

    async def _serve(self, connection: Connection) -> None:
        try:
            recorder = self._sinks.recorder
            reader = Reader(connection, self._apply, self._lane, recorder, self._telemetry)
            is_clean = await reader.read(self._over)
        except Exception:  # a bug of ours ends this session, as a lane's does
            logger.exception("session failed at its client")
            self._apply(events.EngineEnded(EngineError("The server failed.")))
            return
        # A socket that we close ourselves is over when that is done.
        if self.connection is connection and not self._core.closed:
            self.connection = None
            self._outbox.detach()
            connection.over.set()
            self._apply(events.ClientLeft(is_clean))

    async def _read_engine(self) -> None:
        try:
            async for frame in self._engine.frames():
                self._turns.engine_sent(frame)
                self._apply(events.EngineSent(frame))
        except EngineError as error:
            self._apply(events.EngineEnded(error))
        else:
            self._apply(events.EngineEnded(EngineError("The engine ended the session.")))

    async def _read_tools(self) -> None:
        while self._tools is not None:
            self._apply(await self._tools.answered())

    async def _settle_regularly(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_EVERY_S)
            try:
                await self._sinks.meter.settle()
            except StorageError as error:
                logger.debug("settlement failed", code=error.code)

    def _writes_failed(self, error: StorageError) -> None:
        reason = EndedReason.LOST if isinstance(error, FencedError) else EndedReason.ENGINE
        self.end(reason, error)

    def _emptied(self) -> None:
        logger.info("redis is told again")
        self._durable.put(self._sinks.transcript.secure)
        self._durable.put(self._sinks.meter.rebook)

    # -- commands ----------------------------------------------------------------------------------

    def _to_client(self, command: commands.ToClient) -> None:
        self._outbox.put(command.frame, self._durable.last if command.held else None)

    def _to_engine(self, command: commands.ToEngine) -> None:
        self._lane.put(command.frame)

    def _keep_line(self, command: commands.KeepLine) -> None:
        self._durable.put(partial(self._sinks.transcript.keep, command.sequence, command.line))

    def _book(self, command: commands.Book) -> None:
        # Totals are absolute: one that waits behind a slow store is replaced, not queued after.
        self._booking = command
        if not self._booking_waits:
            self._booking_waits = True
            self._durable.put(self._count)

    async def _count(self) -> None:
        self._booking_waits = False
        booking = self._booking
        left = await self._sinks.meter.book(booking)
        if left is not None:
            reading = events.QuotaRead(
                booking.sequence, left.audio_left, left.text_left, left.audio_max, left.text_max
            )
            self._apply(reading)

    def _start_tool(self, command: commands.CallTool) -> None:
        assert self._tools is not None
        self._tools.start(command)

    def _finish(self, command: commands.Finish) -> None:
        self.finish = command
        self._outbox.end()
        self._over.set()
        self._stop_reading()
