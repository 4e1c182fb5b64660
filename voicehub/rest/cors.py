"""Lets pages of other origins use the API: those that the settings name, and no cookie ever.

Who asks proves it by a bearer token, which a page must have been given; so there is no mode with
credentials, and an origin that is not named gets no header at all.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from aiohttp import hdrs, web

from voicehub.keys import SETTINGS

# What a page may read of an answer, beside what every page may.
EXPOSED = (
    *("ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed", "WWW-Authenticate"),
)
# What it may send.
ACCEPTED = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"),
    *("Traceparent", "Tracestate", "X-Request-Id"),
)
# How long a browser remembers an answer to its question; Chromium takes no more.
MAX_AGE_S = 7200


def headers_for(request: web.Request) -> Mapping[str, str]:
    """What any answer says to a page that may read it."""
    origins = request.app[SETTINGS].allowed_origins
    if not origins:
        return {}
    origin = request.headers.get(hdrs.ORIGIN)
    # A cache must not give one page the answer to another, nor one without Origin to a page.
    given: dict[str, str] = {hdrs.VARY: hdrs.ORIGIN}
    if origin in origins:
        given[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        given[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ", ".join(EXPOSED)
    return given


def answer_options(request: web.Request, methods: Iterable[str]) -> web.Response:
    """What may be asked of a path. To a browser's preflight: whether its page may ask it."""
    allowed = ", ".join(sorted({*methods, hdrs.METH_OPTIONS}))
    answer = web.Response(status=HTTPStatus.NO_CONTENT, headers={hdrs.ALLOW: allowed})
    if hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers and (
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN in headers_for(request)
    ):
        answer.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = allowed
        answer.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ", ".join(ACCEPTED)
        answer.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(MAX_AGE_S)
    return answer
