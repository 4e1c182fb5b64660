"""The whole URL table: path, method, function, and the proof that it asks for."""

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from voicehub.rest import (
    agents,
    client_secrets,
    health,
    login,
    me,
    recordings,
    session_acts,
    sessions,
)
from voicehub.rest.middleware import Access, add_headers, guarded


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    function: Handler
    access: Access


ROUTES = (
    Route("GET", "/healthz", health.alive, Access.OPEN),
    Route("HEAD", "/healthz", health.alive, Access.OPEN),
    Route("GET", "/readyz", health.ready, Access.OPEN),
    Route("HEAD", "/readyz", health.ready, Access.OPEN),
    Route("POST", "/v1/auth/login", login.login, Access.OPEN),
    Route("GET", "/v1/me", me.show, Access.USER),
    Route("GET", "/v1/agents", agents.list_page, Access.USER),
    Route("POST", "/v1/sessions", sessions.create, Access.USER),
    Route("GET", "/v1/sessions", sessions.list_page, Access.USER),
    Route("GET", "/v1/sessions/{session_id}", sessions.show, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/pause", session_acts.pause, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/resume", session_acts.resume, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/end", session_acts.end, Access.USER),
    Route("GET", "/v1/sessions/{session_id}/recording", recordings.show, Access.USER),
    Route("POST", "/v1/realtime/client_secrets", client_secrets.create, Access.USER),
)


def realtime_route(open_socket: Handler) -> Route:
    """The socket's row; its function belongs to `live`, which the app alone may import."""
    return Route("GET", "/v1/realtime", open_socket, Access.SESSION)


def add_routes(app: web.Application, *more: Route) -> None:
    """Register the table; the app has `answer_errors` and `client_max_size=BODY_BYTES_MAX`."""
    for route in (*ROUTES, *more):
        app.router.add_route(route.method, route.path, guarded(route.function, route.access))
    app.on_response_prepare.append(add_headers)
