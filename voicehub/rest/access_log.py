"""One line a request, and its place in the metrics: route, status and duration; never the query
string, which may hold a secret, nor the path, which may hold anything.
"""

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from voicehub.keys import PRINCIPAL, REQUEST_ID, TELEMETRY

# Asked each few seconds, by machines: their lines would hide the others.
QUIET_ROUTES = frozenset({"/healthz", "/readyz"})
# What any client can send ends here, so that it makes no label of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
NO_ROUTE = "none"

_log = structlog.get_logger(__name__)


class AccessLog(AbstractAccessLogger):
    """aiohttp makes it, and tells it of every answer, also to what is no HTTP."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """`time` is how long it took, in seconds."""
        method = request.method if request.method in METHODS else OTHER_METHOD
        route = route_of(request)
        if route is not None:
            _count(request, method, route, response.status, time)
        if route in QUIET_ROUTES and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return
        principal = request.get(PRINCIPAL)
        _log.info(
            "request",
            method=method,
            route=route,
            status=response.status,
            duration_ms=round(time * 1000, 1),
            request_id=request.get(REQUEST_ID),
            **({"team_id": principal.team_id, "user_id": principal.user_id} if principal else {}),
        )


def route_of(request: web.BaseRequest) -> str | None:
    """The route's template; None for what could not even be read as a request."""
    # aiohttp has a property for it, which only asserts that it is set.
    match = getattr(request, "_match_info", None)
    if match is None:
        return None
    resource = match.route.resource
    return resource.canonical if resource else NO_ROUTE


def _count(request: web.BaseRequest, method: str, route: str, status: int, seconds: float) -> None:
    assert isinstance(request, web.Request), "it has a route"
    telemetry = request.app[TELEMETRY]
    telemetry.requests.add(method, route, str(status))
    if status != HTTPStatus.SWITCHING_PROTOCOLS:
        telemetry.request_seconds.observe(method, route, seconds=seconds)
