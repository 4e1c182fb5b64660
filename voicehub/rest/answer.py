"""Answers: JSON bodies, lists, and errors as problem JSON or, inside `/v1/realtime`, OpenAI's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import orjson
from aiohttp import web

from voicehub.errors import VoiceHubError
from voicehub.keys import REQUEST_ID
from voicehub.storage.page import Page

Json = Mapping[str, Any]  # a JSON object: its values are whatever the resource has

OPENAI_SHAPE_PATH = "/v1/realtime"


class _Identified(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Identified)


def json(
    payload: Json, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=orjson.dumps(payload, default=_number, option=orjson.OPT_UTC_Z),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def page(found: Page[Row], show: Callable[[Row], Json]) -> web.Response:
    """OpenAI's list envelope; `first_id` and `last_id` are the cursors of the pages beside it."""
    rows = found.rows
    return json(
        {
            "object": "list",
            "data": [show(row) for row in rows],
            "first_id": rows[0].id if rows else None,
            "last_id": rows[-1].id if rows else None,
            "has_more": found.has_more,
        }
    )


def error(request: web.Request, problem: VoiceHubError, **members: Any) -> web.Response:
    """An error in the shape that the path's clients parse; `members` are RFC 9457's extensions."""
    if request.path == OPENAI_SHAPE_PATH or request.path.startswith(OPENAI_SHAPE_PATH + "/"):
        # event_id belongs to the protocol's frames: OpenAI's REST answers have none.
        body = {name: value for name, value in problem.as_openai().items() if name != "event_id"}
        answer = json({"error": body}, problem.status)
        if request.path == OPENAI_SHAPE_PATH:
            # Of a refused handshake WebSocket libraries show status and headers, never the body.
            answer.headers["X-Should-Retry"] = "true" if problem.retryable else "false"
    else:
        answer = json(_problem(request, problem) | members, problem.status)
        answer.content_type = "application/problem+json"
    if problem.retry_after_s is not None:
        answer.headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status is HTTPStatus.UNAUTHORIZED:
        # RFC 6750 section 3: the scheme that would be accepted.
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def timestamp(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)


def _problem(request: web.Request, problem: VoiceHubError) -> dict[str, Any]:
    body: dict[str, Any] = {
        # RFC 9457 section 4.2.1: with about:blank the title is the status's own.
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": int(problem.status),
        "detail": problem.message,
        "code": problem.code,
        "request_id": request[REQUEST_ID],
    }
    if problem.param is not None:
        body["param"] = problem.param
    return body


def _number(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)
