"""Opens connections to an upstream: the handshake of both protocols, and how often it is tried."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import count
from time import time

import structlog
from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    TCPConnector,
    TraceConfig,
    TraceRequestRedirectParams,
    WSMsgType,
    WSServerHandshakeError,
)

from voicehub.engines.upstream.account import Upstream
from voicehub.engines.upstream.fault import Fault, fault_of, short_name
from voicehub.engines.upstream.server_events import read
from voicehub.errors import EngineError
from voicehub.promptly import LazyHeartbeat
from voicehub.realtime.frame import Body, Frame, to_json
from voicehub.realtime.parse import MESSAGE_BYTES_MAX

# A peer that answers no ping within half of this again is gone.
HEARTBEAT_S = 20.0
# How long the upstream has to answer our close.
CLOSE_S = 2.0
# Messages before `session.updated`; an upstream that sends more is talking of something else.
GREETING_MAX = 32

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an upstream is waited for; at each limit the attempt, or the engine, has failed."""

    attempt_s: float = 8.0
    """One attempt, to the upstream's `session.updated`."""
    open_s: float = 15.0
    """All attempts of a new session: within what its driver allows."""
    reconnect_s: float = 25.0
    """All attempts to come back; the caller hears silence meanwhile."""
    send_s: float = 10.0
    """One message that the upstream does not take; the connection is then broken off."""
    wait_s: float = 0.25
    """Before the second attempt; doubled before each that follows."""
    wait_s_max: float = 4.0
    """Longest wait that we choose; a longer Retry-After counts, within the limits above."""
    losses_max: int = 4
    """Connections lost within `losses_s`; one more and the engine has failed."""
    losses_s: float = 60.0
    recycle_s: float = 90.0
    """How long before the upstream's maximum duration a pause is looked for to reconnect in."""


class Socket(LazyHeartbeat, ClientWebSocketResponse[bool]):
    """aiohttp's, which can also be broken off: a peer that takes nothing takes no close either."""

    def abort(self) -> None:
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()


@dataclass(slots=True, eq=False)
class Line:
    """An open connection whose session is configured."""

    socket: Socket
    told: Frame
    """The `session.update` that it took."""
    session: Body = field(default_factory=dict)
    early: list[Frame] = field(default_factory=list)
    """What came before `session.updated`, but for `session.created`."""


class _AttemptError(Exception):
    """One attempt failed; `retry_after_s` is what the upstream asked for."""

    def __init__(self, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.what = what
        self.retry_after_s = retry_after_s


class _RedirectError(ClientError):
    """The upstream answers with the address of another."""


def open_http() -> ClientSession:
    """The HTTP session that every connection of this server to its upstreams shares."""
    trace = TraceConfig()
    # A redirect to another host would take the key along in headers that aiohttp does not know.
    trace.on_request_redirect.append(_refuse_redirect)
    # Each session of ours holds one connection: how many there are is decided at admission.
    return ClientSession(
        connector=TCPConnector(limit=0),
        trace_configs=[trace],
        ws_response_class=Socket,  # type: ignore[arg-type]  # typed for text only; ours is bytes
    )


async def dial(
    upstream: Upstream,
    http: ClientSession,
    update: Callable[[], Frame],
    patience: Patience,
    deadline_s: float,
) -> Line:
    """A configured connection. Raises EngineError at the deadline, or when no retry would help.

    May be cancelled: then no connection is left behind.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + deadline_s
    wait_s = patience.wait_s
    failed: _AttemptError | None = None
    for attempt in count(1):
        try:
            async with asyncio.timeout_at(min(give_up_at, loop.time() + patience.attempt_s)):
                return await _open(upstream, http, update())
        except TimeoutError:
            # An attempt that was cut short says less than the one before it.
            if failed is None or loop.time() < give_up_at:
                failed = _AttemptError("did not answer in time")
        except _AttemptError as failure:
            failed = failure
        logger.warning(
            "upstream not reached", engine=upstream.name, attempt=attempt, reason=failed.what
        )
        pause_s = max(failed.retry_after_s, wait_s * (0.5 + secrets.randbelow(1000) / 2000))
        if loop.time() + pause_s >= give_up_at:
            retry_after_s = round(failed.retry_after_s) or None
            message = f"The engine '{upstream.name}' {failed.what}."
            raise EngineError(message, retry_after_s=retry_after_s)
        await asyncio.sleep(pause_s)
        wait_s = min(2 * wait_s, patience.wait_s_max)
    raise AssertionError("counting ends only by return or raise")


async def _open(upstream: Upstream, http: ClientSession, update: Frame) -> Line:
    try:
        socket = await http.ws_connect(
            upstream.address(),
            headers=upstream.headers(),
            heartbeat=HEARTBEAT_S,
            timeout=ClientWSTimeout(ws_close=CLOSE_S),
            compress=0,
            max_msg_size=MESSAGE_BYTES_MAX,
            decode_text=False,
        )
    except WSServerHandshakeError as error:
        # What the exception holds names the address and the headers: it goes no further.
        raise _refusal(upstream, error.status, _retry_after_s(error.headers)) from None
    except _RedirectError:
        raise EngineError(f"The engine '{upstream.name}' answers with a redirect.") from None
    except (ClientError, OSError) as error:
        raise _AttemptError(f"cannot be reached ({type(error).__name__})") from None
    assert isinstance(socket, Socket)
    line = Line(socket, update)
    try:
        await _greet(upstream, line)
    except BaseException:
        await socket.close()
        raise
    return line


async def _greet(upstream: Upstream, line: Line) -> None:
    """From the open socket to the configured session."""
    is_told = False
    for _ in range(GREETING_MAX):
        frame = await _receive(line.socket)
        if frame is None:
            continue
        if frame.type == "error":
            raise _refused(upstream, frame.body["error"])
        if frame.type == "session.created" and not is_told:
            is_told = True
            await _send(line.socket, line.told)
        elif frame.type == "session.updated" and is_told:
            line.session = frame.body["session"]
            return
        else:
            line.early.append(frame)
    raise _AttemptError("does not speak the Realtime protocol")


async def _receive(socket: Socket) -> Frame | None:
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        try:
            return read(message.data)
        except ValueError:
            return None
    if message.type is WSMsgType.BINARY:
        return None
    raise _AttemptError("broke off")


async def _send(socket: Socket, frame: Frame) -> None:
    try:
        await socket.send_frame(to_json(frame), WSMsgType.TEXT)
    except ConnectionError:
        raise _AttemptError("broke off") from None


def _refusal(upstream: Upstream, status: int, retry_after_s: float) -> Exception:
    """What an HTTP status instead of an upgrade means."""
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500:
        return _AttemptError(f"is busy (HTTP {status})", retry_after_s)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return EngineError(
            f"The engine '{upstream.name}' refuses this server's key (HTTP {status})."
        )
    return EngineError(f"The engine '{upstream.name}' answers with HTTP {status}.")


def _refused(upstream: Upstream, error: Body) -> Exception:
    """What an `error` event instead of a session means."""
    fault = fault_of(error)
    if fault is Fault.ACCOUNT:
        return EngineError(f"The engine '{upstream.name}' was refused by its provider.")
    if fault is not Fault.CLIENT:
        return _AttemptError("is busy")
    names = [short_name(error.get("param")), short_name(error.get("code"))]
    shown = ", ".join(name for name in names if name)
    told = f" ({shown})" if shown else ""
    return EngineError(f"The engine '{upstream.name}' refuses the agent's session{told}.")


def _retry_after_s(headers: Mapping[str, str] | None) -> float:
    """`Retry-After`, in seconds or as a date (RFC 9110, 10.2.3); 0 where there is none."""
    value = (headers or {}).get("Retry-After", "")
    if value.isdecimal():
        return float(value[:6])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return 0.0


async def _refuse_redirect(
    _session: ClientSession, _trace: object, redirect: TraceRequestRedirectParams
) -> None:
    redirect.response.close()
    raise _RedirectError
