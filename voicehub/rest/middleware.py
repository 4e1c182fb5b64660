"""What holds for every request: an id, a proof of who asks, and an answer whatever goes wrong."""

import re
import traceback
import uuid
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from structlog.contextvars import bind_contextvars

from voicehub.auth.bearer import credential
from voicehub.auth.principal import Principal, fold_email
from voicehub.errors import (
    AuthenticationError,
    ClientError,
    DrainError,
    ForbiddenError,
    NotFoundError,
    TooLargeError,
    VoiceHubError,
)
from voicehub.keys import POSTGRES, PRINCIPAL, REQUEST_ID, SETTINGS, TELEMETRY, TOKENS
from voicehub.rest import answer, audit, body, cors
from voicehub.rest.access_log import NO_ROUTE, route_of
from voicehub.storage import teams, users

_log = structlog.get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-Id"
# A client's own id is taken when it cannot hurt a log line; otherwise it gets one of ours.
_REQUEST_ID_SHAPE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# For a year; not for subdomains, which may be somebody else's.
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")

_PREPARED = web.RequestKey("prepared", bool)


class Access(Enum):
    """What a route asks for."""

    OPEN = auto()
    """Nothing."""
    USER = auto()
    """A user's access token."""
    SIGNED_IN = auto()
    """The same, or a service token: for what belongs to no team."""
    ADMIN = auto()
    """A platform admin's access token, or a service token. Where the path has a `team_id`, the
    route's function works on that team as it does for the team's own users.
    """
    SESSION = auto()
    """A user's access token, or a client secret: the route looks at `Principal.session_id`."""


def guarded(handler: Handler, access: Access) -> Handler:
    """The route's function behind the proof that it asks for."""

    async def authenticate_first(request: web.Request) -> web.StreamResponse:
        if access is not Access.OPEN:
            principal = request[PRINCIPAL] = _authenticate(request, access)
            is_read = request.method in audit.READS and access is not Access.SESSION
            if principal.is_admin or not is_read:
                await _admit(request)
        if access is not Access.ADMIN:
            return await handler(request)
        return await audit.recorded(request, handler)

    return authenticate_first


async def _admit(request: web.Request) -> None:
    """A token changes nothing for a user who is gone or has another address, opens no session, and
    makes nobody an admin, on whatever route. What any user may read, it reads until it expires:
    to look at the user each time would make every read dearer.
    """
    principal = request[PRINCIPAL]
    async with request.app[POSTGRES].connection() as conn:
        if principal.user_id is not None:
            user = await users.get(conn, principal.team_id, principal.user_id)
            if user is None or fold_email(user.email) != fold_email(principal.email):
                raise AuthenticationError("The user of this token is gone.")
        if "team_id" not in request.match_info:
            return
        team_id = body.path_id(request, "team_id")
        if await teams.get(conn, team_id) is None:
            raise NotFoundError("There is no such team.")
    request[PRINCIPAL] = principal.acting_for(team_id)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every exception becomes an answer, once, here; ours are logged when they are our fault."""
    given = request.headers.get(REQUEST_ID_HEADER, "")
    request[REQUEST_ID] = given if _REQUEST_ID_SHAPE.fullmatch(given) else uuid.uuid4().hex
    # aiohttp gives each request a context of its own: this ends with it.
    bind_contextvars(request_id=request[REQUEST_ID])
    tracing = request.app[TELEMETRY].tracing
    route = route_of(request) or NO_ROUTE
    attributes = {"http.request.method": request.method, "http.route": route}
    with tracing.span(f"{request.method} {route}", attributes, carrier=request.headers) as span:
        if tracing.trace_id is not None:
            bind_contextvars(trace_id=tracing.trace_id)
        response = await _answered(request, handler)
        span.note({"http.response.status_code": response.status})
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.fail(str(response.status))
        return response


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ConnectionError:
        # The client went away: nobody reads an answer.
        raise
    except Exception as error:  # noqa: BLE001 - the edge: nothing goes without an answer
        if request.get(_PREPARED):
            # An answer is on its way, or a socket is open: a second one would corrupt it. aiohttp
            # breaks the connection off at this, and would log any other exception with its message.
            _log_failure(request, error)
            raise ConnectionResetError("the answer is broken off") from None
        return _answer(request, error)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal of the app, for it sees WebSocket upgrades too. A route's own headers stand."""
    request[_PREPARED] = True
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if _is_behind_tls(request):
        response.headers.setdefault(*STRICT_TRANSPORT)
    for name, value in cors.headers_for(request).items():
        response.headers.add(name, value)
    response.headers[REQUEST_ID_HEADER] = request.get(REQUEST_ID, "")


def _is_behind_tls(request: web.Request) -> bool:
    settings = request.app[SETTINGS]
    return settings.tls_cert is not None or (settings.public_url or "").startswith("https://")


def _authenticate(request: web.Request, access: Access) -> Principal:
    token = credential(request.headers)
    if token is None:
        raise AuthenticationError("A bearer token is missing.", code="missing_api_key")
    principal = request.app[TOKENS].verify(token, datetime.now(UTC))
    if principal.session_id is not None and access is not Access.SESSION:
        raise ForbiddenError("A client secret opens its session and nothing else.")
    if access is Access.ADMIN and not principal.is_admin:
        raise ForbiddenError("Only platform admins may do this.", code="admin_required")
    if access not in {Access.ADMIN, Access.SIGNED_IN} and principal.user_id is None:
        raise ForbiddenError("A service has no team: use the routes under /v1/teams/{team_id}.")
    return principal


def _answer(request: web.Request, error: Exception) -> web.Response:
    match error:
        case VoiceHubError():
            # A server that goes away refuses whoever comes, as it should.
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(
                error, DrainError
            ):
                _log_failure(request, error)
            return answer.error(request, error)
        case web.HTTPException():
            return _answer_http(request, error)
        case _:
            _log_failure(request, error)
            return answer.error(request, VoiceHubError("Something went wrong on our side."))


def _answer_http(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp itself raises: no such path, no such method, a body too large."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return answer.error(request, TooLargeError("The body is too large."))
    if isinstance(error, web.HTTPMethodNotAllowed) and request.method == "OPTIONS":
        return cors.answer_options(request, error.allowed_methods)
    status = HTTPStatus(error.status)
    problem = ClientError(f"{status.phrase}.", code=status.name.lower())
    problem.status = status
    response = answer.error(request, problem)
    for name in ("Allow", "Location", "Upgrade"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _log_failure(request: web.Request, error: Exception) -> None:
    """Without the exception's own message, which may quote what was sent or said."""
    cause = error.__cause__
    resource = request.match_info.route.resource
    _log.error(
        "request failed",
        request_id=request[REQUEST_ID],
        method=request.method,
        route=resource.canonical if resource else None,
        error=type(error).__name__,
        cause=type(cause).__name__ if cause else None,
        at=[
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-8:]
        ],
    )
