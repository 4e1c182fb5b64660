"""One owner's time with a session: from the fencing token to the last write."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from voicehub.engines.engine import Engine
from voicehub.errors import EngineError, StorageError
from voicehub.ids import new_id
from voicehub.keys import (
    ENGINES,
    POSTGRES,
    REDIS,
    REGISTRY,
    SETTINGS,
    SPACES,
    SPOOL,
    TELEMETRY,
    TOOLS,
)
from voicehub.live.admission import Admitted
from voicehub.live.connection import Connection
from voicehub.live.driver import Driver
from voicehub.live.finale import Finale, Sinks
from voicehub.live.lease import Lease
from voicehub.live.takeover import left_behind
from voicehub.live.tools import ToolRunner, Whose
from voicehub.realtime.frame import Body, Frame
from voicehub.session import policy
from voicehub.session.commands import Finish
from voicehub.session.extension import ExtendedSession
from voicehub.session.metering import millionths
from voicehub.session.resumption import Resumption
from voicehub.session.session import Session
from voicehub.session.spec import Limits, SessionSpec, agent_session, overlay
from voicehub.session.state import EndedReason, Status
from voicehub.session.tool_list import chosen_tools, with_tools
from voicehub.sinks.meter import MeterSink
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.row import RowSink
from voicehub.sinks.summary import recording_stem
from voicehub.sinks.transcript import TranscriptSink
from voicehub.storage.ownership import Owned

_OWNER = f"{socket.gethostname()}:{os.getpid()}"

logger = structlog.get_logger(__name__)


class Leg:
    """Made once the session is owned: from then on it is put away properly, whatever happens."""

    def __init__(self, app: web.Application, admitted: Admitted, token: int) -> None:
        row = admitted.session
        self._app = app
        self._admitted = admitted
        self._owned = Owned(row.team_id, row.id, token)
        self._lease = Lease(app[REDIS], self._owned, _OWNER)
        self._sinks = _sinks(app, self._owned)
        self._finale = Finale(
            postgres=app[POSTGRES],
            sinks=self._sinks,
            lease=self._lease,
            owned=self._owned,
            keep_context=app[SETTINGS].keep_context,
            grace_ms=app[SETTINGS].grace_s * 1000,
        )
        self._finale.finish = _unbegun(admitted, token, EndedReason.LOST)
        self._telemetry = app[TELEMETRY]
        self._log = logger.bind(session_id=row.id, team_id=row.team_id)

    async def run(
        self, connect: Callable[[], Awaitable[Connection]], *, keeps_socket: bool = False
    ) -> Connection | None:
        """Hold the conversation. Returns the socket that the session has when it is over, if any.

        `connect` gives the first one; before it is asked, a failure is the request's: StorageError,
        EngineError. `keeps_socket`: the session goes on where it was paused.
        """
        connection: Connection | None = None
        try:
            engine = self._engine()
            await self._finale.begin()
            resumption = await self._resumption()
            connection = await connect()
            spec = self._spec(resumption, keeps_socket=keeps_socket)
            driver = self._driver(engine, connection, spec)
            self._log.info("session started", resumed=resumption is not None)
            self._telemetry.legs_started.add("resumed" if resumption else "new")
            with self._app[REGISTRY].driving(driver):
                await driver.run(self._session(spec))
            self._finale.finish = driver.finish
            connection = driver.connection
        except ConnectionError:
            self._log.info("client left before its session began")
        except (EngineError, StorageError):
            # Before the upgrade: the client gets a plain HTTP status.
            self._finale.finish = _unbegun(self._admitted, self._owned.token, EndedReason.ENGINE)
            raise
        finally:
            with self._telemetry.tracing.span("put away", {}):
                await self._finale.run()
            finish = self._finale.finish
            self._log.info("session put away", status=finish.status, reason=finish.reason)
            self._telemetry.legs_ended.add(finish.status.value, finish.reason or "asked")
        return connection

    @property
    def is_paused(self) -> bool:
        """Whether it ended with a pause that somebody asked for."""
        finish = self._finale.finish
        return finish.status is Status.PAUSED and finish.reason is None

    async def _resumption(self) -> Resumption | None:
        stores = self._app[POSTGRES], self._app[REDIS]
        left = await left_behind(*stores, self._owned)
        if left is not None and not self._lease.is_taken:
            # Redis is back only now: earlier owners wrote to it until this.
            await self._lease.take()
            left = await left_behind(*stores, self._owned)
        if left is None:
            return None
        self._sinks.transcript.adopt(left.unfolded)
        self._finale.resumes = True
        return left.resumption

    def _driver(self, engine: Engine, connection: Connection, spec: SessionSpec) -> Driver:
        core = ExtendedSession if connection.is_extended else Session
        return Driver(
            self._owned.session_id,
            core=core(spec, new_id, asyncio.get_running_loop().time() * 1000),
            connection=connection,
            engine=engine,
            sinks=self._sinks,
            lease=self._lease,
            wall_ms=lambda: time.time() * 1000,
            tools=self._tools(),
            telemetry=self._telemetry,
        )

    def _engine(self) -> Engine:
        default = self._app[SETTINGS].default_engine
        name = self._admitted.agent.settings.get("engine", default)
        factory = self._app[ENGINES].get(name) if isinstance(name, str) else None
        if factory is None:
            raise EngineError(
                "The agent names an engine that is not configured.", code="engine_not_configured"
            )
        return factory()

    def _tools(self) -> ToolRunner:
        row = self._admitted.session
        whose = Whose(row.id, row.agent_id, row.team_id, row.user_id)
        return ToolRunner(self._app[TOOLS].endpoints, whose)

    def _session(self, spec: SessionSpec) -> Body:
        """What the engine opens with: the agent's session, and what the client has set of it."""
        agent, resumption = self._admitted.agent, spec.resumes
        session = agent_session(
            persona=agent.persona_prompt,
            system=agent.system_prompt,
            settings=agent.settings,
            context=self._admitted.session.data.get("context") or {},
        )
        if resumption is not None and resumption.client_session:
            # Asked of the policy again: the agent may have changed since.
            kind = "session.update"
            update = Frame(kind, {"type": kind, "session": resumption.client_session})
            allowed, _ = policy.allow(update, spec)
            session = overlay(session, allowed.body["session"]) if allowed else session
        return with_tools(session, spec.tools)

    def _spec(self, resumption: Resumption | None, *, keeps_socket: bool = False) -> SessionSpec:
        settings, agent = self._app[SETTINGS], self._admitted.agent
        tools, left_out = chosen_tools(agent.settings, self._app[TOOLS].endpoints.keys())
        if left_out:
            # What an agent's owner wrote: names, and few of them.
            self._log.warning(
                "an agent names tools that are not there",
                agent_id=agent.id,
                count=len(left_out),
                tools=[name[:64] for name in left_out[:8]],
            )
        named = agent.settings.get("client_may")
        opened = named if isinstance(named, list) else []
        return SessionSpec(
            session_id=self._owned.session_id,
            team_id=self._owned.team_id,
            agent_id=agent.id,
            agent_name=agent.name,
            model=self._admitted.model,
            client_may=frozenset(name for name in opened if isinstance(name, str)),
            tools=tools,
            limits=Limits(
                duration_ms=settings.session_max_s * 1000,
                idle_ms=settings.session_idle_s * 1000,
                grace_ms=settings.grace_s * 1000,
            ),
            cached_weight_millionths=millionths(settings.cached_token_weight),
            resumes=resumption,
            keeps_socket=keeps_socket,
            leg=self._owned.token,
        )


def _sinks(app: web.Application, owned: Owned) -> Sinks:
    return Sinks(
        row=RowSink(postgres=app[POSTGRES], owned=owned),
        transcript=TranscriptSink(redis=app[REDIS], postgres=app[POSTGRES], owned=owned),
        meter=MeterSink(
            redis=app[REDIS], postgres=app[POSTGRES], owned=owned, telemetry=app[TELEMETRY]
        ),
        recorder=Recorder(
            spaces=app[SPACES],
            spool=app[SPOOL],
            key_stem=recording_stem(owned.team_id, owned.session_id, owned.token),
            container=app[SETTINGS].recording_format,
        ),
    )


def _unbegun(admitted: Admitted, token: int, reason: EndedReason) -> Finish:
    """How a session ends that never came to converse here: what can be gone on with stays."""
    row = admitted.session
    status = Status(row.status)
    if status is Status.CREATED:
        # Somebody may have opened it since the row was read.
        status = Status.FAILED if token == 1 else Status.IN_PROGRESS
    minutes = float(row.duration_minutes or 0)
    return Finish(status, reason, minutes * 60_000, row.data.get("paused_at_ms", 0.0))
