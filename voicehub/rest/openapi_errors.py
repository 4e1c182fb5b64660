"""Which errors a route may answer, and how they look: problem details, or OpenAI's shape."""

from http import HTTPStatus

from voicehub.rest.answer import OPENAI_SHAPE_PATH
from voicehub.rest.codes import CODES
from voicehub.rest.middleware import REQUEST_ID_HEADER, Access
from voicehub.rest.openapi_schemas import Json, reference
from voicehub.rest.route import Route

_RETRIED = {
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
}


def of(route: Route) -> Json:
    """The error responses of a route, by status."""
    kind = "RealtimeError" if is_openai_shaped(route.path) else "Problem"
    statuses = _statuses(route) - set(route.operation.also)
    return {
        str(int(status)): reference("responses", f"{kind}{int(status)}")
        for status in sorted(statuses)
    }


def is_openai_shaped(path: str) -> bool:
    return path == OPENAI_SHAPE_PATH or path.startswith(OPENAI_SHAPE_PATH + "/")


def responses() -> Json:
    """Every error response, in both shapes, for the components of the document."""
    return {
        f"{kind}{int(status)}": _response(status, kind)
        for status in CODES
        for kind in ("Problem", "RealtimeError")
    }


def schemas() -> Json:
    return {"Problem": _PROBLEM, "Fault": _FAULT, "RealtimeError": _REALTIME_ERROR}


def _statuses(route: Route) -> set[HTTPStatus]:
    operation = route.operation
    # A query parameter that nobody knows is refused everywhere.
    found = {HTTPStatus(error.status) for error in operation.errors} | {HTTPStatus.BAD_REQUEST}
    if route.access is not Access.OPEN:
        found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE}
    if "{" in route.path:
        found.add(HTTPStatus.NOT_FOUND)
    if operation.body is not None:
        found |= {
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        }
    if operation.is_idempotent:
        found |= {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    if operation.is_tagged and route.method != "GET":
        found.add(HTTPStatus.PRECONDITION_FAILED)
    return found


def _response(status: HTTPStatus, kind: str) -> Json:
    codes = CODES[status]
    if kind == "Problem":
        media = "application/problem+json"
        told: Json = {"status": {"const": int(status)}, "code": {"enum": list(codes)}}
        examples = {code: _problem_example(status, code) for code in codes}
    else:
        media = "application/json"
        told = {"error": {"type": "object", "properties": {"code": {"enum": list(codes)}}}}
        examples = {code: _realtime_example(code) for code in codes}
    schema = {"allOf": [reference("schemas", kind), {"type": "object", "properties": told}]}
    headers = {REQUEST_ID_HEADER: reference("headers", REQUEST_ID_HEADER)}
    if status in _RETRIED:
        headers["Retry-After"] = reference("headers", "Retry-After")
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = reference("headers", "WWW-Authenticate")
    return {
        "description": "\n".join(f"- `{code}`: {meaning}" for code, meaning in codes.items()),
        "headers": headers,
        "content": {media: {"schema": schema, "examples": examples}},
    }


def _problem_example(status: HTTPStatus, code: str) -> Json:
    value = {
        "type": "about:blank",
        # Not the phrase of this Python's own, which was another in an earlier one.
        "title": _TITLES.get(status, status.phrase),
        "status": int(status),
        "detail": CODES[status][code],
        "code": code,
        "request_id": "0c63a1f5b5e94d5f9d0f2f1a4a3f1c77",
    }
    return {"value": value}


_TITLES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}


def _realtime_example(code: str) -> Json:
    message = next(codes[code] for codes in CODES.values() if code in codes)
    error = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
    return {"value": {"error": error}}


_FAULT: Json = {
    "type": "object",
    "description": "One thing that is wrong with what was sent.",
    "properties": {
        "pointer": {
            "type": "string",
            "description": "Where in the body: a JSON pointer (RFC 6901) as a URI fragment.",
            "examples": ["#/name"],
        },
        "parameter": {"type": "string", "description": "Or which query parameter."},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
    "required": ["code", "detail"],
    "oneOf": [{"required": ["pointer"]}, {"required": ["parameter"]}],
}

_PROBLEM: Json = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "code": {"type": "string", "description": "What is wrong, for programs."},
        "request_id": {"type": "string"},
        "param": {"type": "string", "description": "The field, parameter or header at fault."},
        "errors": {
            "type": "array",
            "description": "Each fault, where more is known than `param`.",
            "items": reference("schemas", "Fault"),
        },
        "teams": {
            "type": "array",
            "description": "With `team_required`: the teams to choose from.",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "label": {"type": "string"}},
                "required": ["name", "label"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id"],
}

_REALTIME_ERROR: Json = {
    "type": "object",
    "description": "An error in OpenAI's shape.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "type": {"type": "string"},
                "code": {"type": "string"},
                "message": {"type": "string"},
                "param": {"type": ["string", "null"]},
            },
            "required": ["type", "code", "message", "param"],
        }
    },
    "required": ["error"],
}
