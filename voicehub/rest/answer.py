"""Answers: JSON bodies, lists, and errors as problem JSON or, inside `/v1/realtime`, OpenAI's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import orjson
from aiohttp import web

from voicehub.errors import Fault, VoiceHubError
from voicehub.keys import REQUEST_ID
from voicehub.rest import etag
from voicehub.rest.fields import Item, Listed, Shown
from voicehub.storage.page import Page

Json = Mapping[str, Any]  # a JSON object: its values are whatever the resource has

OPENAI_SHAPE_PATH = "/v1/realtime"


class _Identified(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Identified)


def shown(
    model: Shown,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A model as JSON."""
    return web.Response(
        body=model.__pydantic_serializer__.to_json(model),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def tagged(
    request: web.Request,
    model: Shown,
    row: etag.Kept,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """The same with the row's ETag; 304 and no body for a GET that has this state already."""
    tag = etag.of(row)
    if request.method == "GET" and etag.is_known(request, tag):
        answer = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        answer = shown(model, status, headers)
    answer.etag = tag
    return answer


def listed(found: Page[Row], model: type[Item], show: Callable[[Row], Item]) -> Listed[Item]:
    """A page as a list of `model`."""
    rows = found.rows
    return Listed[model](  # type: ignore[valid-type] # pydantic wants the class, mypy the variable
        data=[show(row) for row in rows],
        first_id=rows[0].id if rows else None,
        last_id=rows[-1].id if rows else None,
        has_more=found.has_more,
    )


def json(
    payload: Json, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=orjson.dumps(payload, default=_number, option=orjson.OPT_UTC_Z),
        status=status,
        content_type="application/json",
        headers=headers,
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
    if problem.faults:
        body["errors"] = [_fault(each) for each in problem.faults]
    return body


def _fault(fault: Fault) -> dict[str, str]:
    place = "parameter" if fault.in_query else "pointer"
    return {place: fault.place, "code": fault.code, "detail": fault.detail}


def _number(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)
