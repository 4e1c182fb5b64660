"""The whole URL table: path, method, operation, and the proof that it asks for."""

from dataclasses import dataclass, replace

from aiohttp import web
from aiohttp.typedefs import Handler

from voicehub.rest import (
    agents,
    audits,
    client_secrets,
    health,
    login,
    me,
    recordings,
    session_acts,
    sessions,
    waveforms,
)
from voicehub.rest.middleware import Access, add_headers, guarded
from voicehub.rest.operation import Operation


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    operation: Operation
    access: Access


# What anybody may ask.
OPEN = (
    Route("GET", "/healthz", health.alive, Access.OPEN),
    Route("HEAD", "/healthz", health.alive, Access.OPEN),
    Route("GET", "/readyz", health.ready, Access.OPEN),
    Route("HEAD", "/readyz", health.ready, Access.OPEN),
    Route("POST", "/v1/auth/login", login.login, Access.OPEN),
)
# What a user does as a user.
OWN = (
    Route("GET", "/v1/me", me.show, Access.USER),
    Route("POST", "/v1/sessions", sessions.create, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/resume", session_acts.resume, Access.USER),
    Route("POST", "/v1/realtime/client_secrets", client_secrets.create, Access.USER),
)
# What the users of a team do with its rows; an admin does the same to any team.
TEAMS = (
    Route("GET", "/v1/agents", agents.list_page, Access.USER),
    Route("GET", "/v1/sessions", sessions.list_page, Access.USER),
    Route("GET", "/v1/sessions/{session_id}", sessions.show, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/pause", session_acts.pause, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/end", session_acts.end, Access.USER),
    Route("GET", "/v1/sessions/{session_id}/recording", recordings.show, Access.USER),
    Route("GET", "/v1/sessions/{session_id}/recording/waveform", waveforms.show, Access.USER),
    Route("GET", "/v1/audit", audits.list_page, Access.USER),
)
# What admins alone do: to the platform, to a team's rows, or over all teams.
ADMINS: tuple[Route, ...] = ()


def for_admins(route: Route) -> Route:
    """The same operation on any team's rows: `/v1/agents` is `/v1/teams/{team_id}/agents`."""
    path = route.path.replace("/v1/", "/v1/teams/{team_id}/", 1)
    return replace(route, path=path, access=Access.ADMIN)


ROUTES = (*OPEN, *OWN, *TEAMS, *ADMINS, *(for_admins(each) for each in TEAMS))


def add_routes(app: web.Application, open_socket: Handler) -> None:
    """Register the table and the socket, whose function belongs to `live`.

    The app has `answer_errors` and `client_max_size=BODY_BYTES_MAX`.
    """
    for route in ROUTES:
        app.router.add_route(route.method, route.path, guarded(route.operation, route.access))
    app.router.add_route("GET", "/v1/realtime", guarded(open_socket, Access.SESSION))
    app.on_response_prepare.append(add_headers)
