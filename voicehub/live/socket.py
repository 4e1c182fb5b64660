"""`GET /v1/realtime`: from the upgrade to the last write of one session."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack

import structlog
from aiohttp import web

from voicehub.auth.bearer import offered_subprotocols
from voicehub.engines.engine import Engine
from voicehub.errors import ClientError, EngineError, StorageError
from voicehub.keys import ENGINES, POSTGRES, REDIS, REGISTRY, SETTINGS, SPACES, SPOOL, TOOLS
from voicehub.live.admission import Admitted, admit, own
from voicehub.live.driver import Driver, Sinks
from voicehub.live.finale import Finale
from voicehub.live.lease import Lease
from voicehub.live.tools import ToolRunner, Whose
from voicehub.promptly import ServerSocket
from voicehub.realtime.extension import SUBPROTOCOL
from voicehub.realtime.parse import MESSAGE_BYTES_MAX
from voicehub.session.commands import Finish
from voicehub.session.extension import ExtendedSession
from voicehub.session.metering import millionths
from voicehub.session.session import Session
from voicehub.session.spec import Limits, SessionSpec, agent_session
from voicehub.session.state import EndedReason, Status
from voicehub.session.tool_list import chosen_tools, with_tools
from voicehub.sinks.meter import MeterSink
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.summary import recording_stem
from voicehub.sinks.transcript import TranscriptSink
from voicehub.storage.ownership import Owned
from voicehub.tasks import spawn

# The first of these that the client offers is selected, whatever its own order; the subprotocol
# that carries the token is never echoed.
SUBPROTOCOLS = (SUBPROTOCOL, "realtime")
# Above this the socket breaks off in the middle of a message. What is only a little too long is
# read whole, so that the client is told why.
SOCKET_BYTES_MAX = MESSAGE_BYTES_MAX * 5 // 4
# A peer that answers no ping within half of this again is gone.
HEARTBEAT_S = 20.0
# How long the peer has to answer our close.
CLOSE_TIMEOUT_S = 5.0
_OWNER = f"{socket.gethostname()}:{os.getpid()}"

logger = structlog.get_logger(__name__)


async def open_socket(request: web.Request) -> web.StreamResponse:
    """Refuse with a plain HTTP status, or hold the session and return when it is over."""
    with ExitStack() as admittance:
        admittance.enter_context(request.app[REGISTRY].admitted())
        upgrade = new_socket(_subprotocols(request))
        if not upgrade.can_prepare(request):
            raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket"})
        admitted = await admit(request)
        token = await own(request, admitted.session)
        # From here on the session is ours, whatever happens to the request: it is ended properly.
        held = spawn(
            _hold(request, upgrade, admitted, token),
            name=f"session {admitted.session.id}",
        )
        # The registry waits for the session, not for a request that may be cancelled before it.
        ending = admittance.pop_all()
        held.add_done_callback(lambda _: ending.close())
        await asyncio.shield(held)
    return upgrade


def new_socket(subprotocols: Iterable[str] = ()) -> ServerSocket:
    """A socket as every session has it. Text comes as bytes, and `parse_client` checks it."""
    return ServerSocket(
        protocols=subprotocols,
        heartbeat=HEARTBEAT_S,
        timeout=CLOSE_TIMEOUT_S,
        compress=False,
        max_msg_size=SOCKET_BYTES_MAX,
        decode_text=False,
    )


def _subprotocols(request: web.Request) -> list[str]:
    """The one that is selected, if any is offered. A browser breaks off when none of its offers is
    selected, and aiohttp would log the offers, of which one carries the token.
    """
    offered = offered_subprotocols(request.headers)
    known = [name for name in SUBPROTOCOLS if name in offered]
    if "Sec-WebSocket-Protocol" in request.headers and not known:
        raise ClientError(
            "Offer the subprotocol `realtime`.",
            code="subprotocol_not_supported",
            param="Sec-WebSocket-Protocol",
        )
    return known[:1]


def _engine(request: web.Request, admitted: Admitted) -> Engine:
    name = admitted.agent.settings.get("engine", request.app[SETTINGS].default_engine)
    factory = request.app[ENGINES].get(name) if isinstance(name, str) else None
    if factory is None:
        raise EngineError(
            "The agent names an engine that is not configured.", code="engine_not_configured"
        )
    return factory()


async def _hold(
    request: web.Request,
    upgrade: ServerSocket,
    admitted: Admitted,
    token: int,
) -> None:
    app, row = request.app, admitted.session
    owned = Owned(row.team_id, row.id, token)
    lease = Lease(app[REDIS], owned, _OWNER)
    sinks = _sinks(app, owned)
    finale = Finale(
        postgres=app[POSTGRES],
        sinks=sinks,
        lease=lease,
        owned=owned,
        keep_context=app[SETTINGS].keep_context,
    )
    log = logger.bind(session_id=row.id, team_id=row.team_id)
    try:
        engine = _engine(request, admitted)
        await finale.begin()
        await upgrade.prepare(request)
        spec = _spec(app, admitted)
        driver = Driver(
            core=_core(upgrade)(spec, new_id, _now_ms()),
            socket=upgrade,
            engine=engine,
            sinks=sinks,
            lease=lease,
            wall_ms=lambda: time.time() * 1000,
            abort=lambda: _abort(request),
            tools=_tools(app, admitted),
        )
        log.info("session started", agent_id=row.agent_id)
        with app[REGISTRY].driving(driver):
            session = agent_session(
                persona=admitted.agent.persona_prompt,
                system=admitted.agent.system_prompt,
                settings=admitted.agent.settings,
                context=row.data.get("context") or {},
            )
            await driver.run(with_tools(session, spec.tools))
        finale.finish = driver.finish
    except ConnectionError:
        log.info("client left before its session began")
    except (EngineError, StorageError):
        # Before the upgrade: the client gets a plain HTTP status.
        finale.finish = Finish(Status.FAILED, EndedReason.ENGINE, 0.0)
        raise
    finally:
        await finale.run()
        log.info("session ended", status=finale.finish.status, reason=finale.finish.reason)


def _core(upgrade: ServerSocket) -> type[Session]:
    return ExtendedSession if upgrade.ws_protocol == SUBPROTOCOL else Session


def _sinks(app: web.Application, owned: Owned) -> Sinks:
    return Sinks(
        transcript=TranscriptSink(redis=app[REDIS], postgres=app[POSTGRES], owned=owned),
        meter=MeterSink(redis=app[REDIS], postgres=app[POSTGRES], owned=owned),
        recorder=Recorder(
            spaces=app[SPACES],
            spool=app[SPOOL],
            key_stem=recording_stem(owned.team_id, owned.session_id, owned.token),
            container=app[SETTINGS].recording_format,
        ),
    )


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _tools(app: web.Application, admitted: Admitted) -> ToolRunner:
    row = admitted.session
    return ToolRunner(app[TOOLS].endpoints, Whose(row.id, row.agent_id, row.team_id, row.user_id))


def _spec(app: web.Application, admitted: Admitted) -> SessionSpec:
    settings = app[SETTINGS]
    tools, left_out = chosen_tools(admitted.agent.settings, app[TOOLS].endpoints.keys())
    if left_out:
        # What an agent's owner wrote: names, and few of them.
        logger.warning(
            "an agent names tools that are not there",
            agent_id=admitted.agent.id,
            count=len(left_out),
            tools=[name[:64] for name in left_out[:8]],
        )
    named = admitted.agent.settings.get("client_may")
    opened = named if isinstance(named, list) else []
    return SessionSpec(
        session_id=admitted.session.id,
        team_id=admitted.session.team_id,
        agent_id=admitted.agent.id,
        agent_name=admitted.agent.name,
        model=admitted.model,
        client_may=frozenset(name for name in opened if isinstance(name, str)),
        tools=tools,
        limits=Limits(
            duration_ms=settings.session_max_s * 1000, idle_ms=settings.session_idle_s * 1000
        ),
        cached_weight_millionths=millionths(settings.cached_token_weight),
    )


def new_id(prefix: str) -> str:
    """An id that nothing else has: `event_` and 24 characters."""
    return f"{prefix}_{secrets.token_hex(12)}"


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000
