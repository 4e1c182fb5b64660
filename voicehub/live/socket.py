"""`GET /v1/realtime`: which session a socket goes to, and how long it stays."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from http import HTTPStatus

from aiohttp import web
from structlog.contextvars import bind_contextvars

from voicehub.auth.bearer import offered_subprotocols
from voicehub.errors import ClientError, EngineError, FencedError, OverloadError, StorageError
from voicehub.ids import new_id
from voicehub.keys import REGISTRY, SETTINGS, TELEMETRY
from voicehub.live.admission import Admitted, admit, admit_existing, own
from voicehub.live.connection import Connection
from voicehub.live.leg import Leg
from voicehub.live.paused import PausedSocket
from voicehub.promptly import ServerSocket
from voicehub.realtime.extension import SUBPROTOCOL
from voicehub.realtime.parse import MESSAGE_BYTES_MAX
from voicehub.tasks import spawn, stop

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


Connect = Callable[[], Awaitable[Connection]]


async def open_socket(request: web.Request) -> web.StreamResponse:
    """Refuse with a plain HTTP status, or serve the socket and return when it is over."""
    with ExitStack() as admittance:
        admittance.enter_context(request.app[REGISTRY].admitted())
        upgrade = new_socket(_subprotocols(request))
        if not upgrade.can_prepare(request):
            raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket"})
        admitted = await admit(request)
        # What this socket leads to, also in a session that another socket began, logs under these.
        bind_contextvars(session_id=admitted.session.id, team_id=admitted.session.team_id)
        visit = _Visit(request, upgrade)
        if not await visit.join(admitted.session.id):
            token = await _own(request, admitted)
            # From here on the session is ours, whatever happens to the request: it is ended
            # properly.
            held = spawn(_hold(visit, admitted, token), name=f"session {admitted.session.id}")
            # The registry waits for the session, not for a request that may be cancelled before it.
            ending = admittance.pop_all()
            held.add_done_callback(lambda _: ending.close())
            await visit.wait(held)
        if not visit.connected:
            # aiohttp finishes what is returned here, and this socket was never opened. Nobody reads
            # the answer.
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
    return upgrade


class _Visit:
    """A request for a socket, and the socket once it is there."""

    def __init__(self, request: web.Request, upgrade: web.WebSocketResponse) -> None:
        self.request = request
        self.connected = False
        self._connection = Connection(upgrade, self._abort, new_id)

    async def connect(self) -> Connection:
        """Answer the request with the upgrade. Raises ConnectionError."""
        await self._connection.socket.prepare(self.request)
        self.connected = True
        return self._connection

    async def join(self, session_id: int) -> bool:
        """Where this process has the session, it goes on at this socket, until that is over."""
        driver = self.request.app[REGISTRY].find(session_id)
        if driver is None or not driver.takes(is_extended=self._is_extended):
            return False
        try:
            connection = await self.connect()
        except ConnectionError:
            return True  # it has left already, and may come again
        if driver.attach(connection, self.request.query.get("last_event_id")):
            await connection.over.wait()
        else:
            await connection.dismiss(
                OverloadError("The session is being put away; connect again.", code="session_busy")
            )
        return True

    async def wait(self, held: "asyncio.Task[None]") -> None:
        """Until the socket is over. Raises what `held` raises before the upgrade."""
        over = spawn(self._connection.over.wait(), name="socket")
        try:
            await asyncio.wait([held, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop(over)
        if held.done():
            held.result()

    @property
    def _is_extended(self) -> bool:
        return SUBPROTOCOL in offered_subprotocols(self.request.headers)

    def _abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


async def _hold(visit: _Visit, admitted: Admitted, token: int) -> None:
    """Hold the session from leg to leg, as long as its socket stays through its pauses."""
    attributes = {
        "voicehub.session.id": admitted.session.id,
        "voicehub.team.id": admitted.session.team_id,
        "voicehub.agent.id": admitted.agent.id,
    }
    with visit.request.app[TELEMETRY].tracing.span("session", attributes, is_detailed=False):
        await _hold_legs(visit, admitted, token)


async def _hold_legs(visit: _Visit, admitted: Admitted, token: int) -> None:
    app = visit.request.app
    connect: Connect = visit.connect
    tracing = app[TELEMETRY].tracing
    keeps_socket = False
    connection: Connection | None = None
    try:
        while True:
            leg = Leg(app, admitted, token)
            try:
                with tracing.span("leg", {"voicehub.leg": token}, is_detailed=False):
                    connection = await leg.run(connect, keeps_socket=keeps_socket)
            except (EngineError, StorageError) as error:
                if connection is None:
                    raise
                await connection.dismiss(error)
                return
            if connection is None or not leg.is_paused or connection.socket.closed:
                return
            paused = PausedSocket(connection, app[SETTINGS].session_idle_s)
            with app[REGISTRY].driving(paused):
                if not await paused.resume_asked():
                    return
            try:
                admitted = await admit_existing(visit.request, admitted.session.id)
                token = await _own(visit.request, admitted)
            except (ClientError, StorageError) as error:
                await connection.dismiss(error)
                return
            connect, keeps_socket = _at_once(connection), True
    finally:
        if connection is not None:
            connection.over.set()


async def _own(request: web.Request, admitted: Admitted) -> int:
    """Own the session. Another leg of it in this process is told now, not by its lease."""
    token = await own(request, admitted.session)
    former = request.app[REGISTRY].find(admitted.session.id)
    if former is not None:
        former.lose(FencedError("A newer owner holds this session."))
    return token


def _at_once(connection: Connection) -> Connect:
    async def connect() -> Connection:
        return connection

    return connect


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
