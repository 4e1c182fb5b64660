"""The OpenAPI 3.1 document, made of the URL table and of the models that validate."""

import inspect
import re
from collections.abc import Iterable
from importlib.metadata import version

from voicehub.rest import openapi_errors, openapi_schemas, openapi_socket
from voicehub.rest.middleware import REQUEST_ID_HEADER, Access
from voicehub.rest.openapi_schemas import Json, Schemas, reference
from voicehub.rest.operation import Operation
from voicehub.rest.route import Route

_DESCRIPTION = """\
What a team does with its live voice sessions, its agents and its plan. Audio goes over the socket
at `/v1/realtime`, in OpenAI's Realtime protocol; everything else is here.

- **Teams** do not see one another: a row of another team does not exist (404).
- **Admins** of the platform do what a team's users do, for any team, under `/v1/teams/{team_id}`.
- **Lists** are read by cursors: `after` the `last_id` of the page before.
- **Errors** are problem details (RFC 9457) with a `code` for programs; under `/v1/realtime` they
  have OpenAI's shape. A path without the method asked for answers 405 and says which it has.
- **Changes** are safe to repeat with an `Idempotency-Key`, and safe from one another with
  `If-Match`.
- New fields and codes may be added at any time.
"""

_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.OPEN: [],
    Access.USER: [{"user": []}],
    Access.SIGNED_IN: [{"user": []}, {"admin": []}],
    Access.ADMIN: [{"admin": []}],
    Access.SESSION: [{"user": []}, {"client_secret": []}],
}
_SCHEMES = {
    "user": "A user's access token, as `POST /v1/auth/login` answers it.",
    "admin": "A platform admin's access token, or a service token.",
    "client_secret": "The secret of one session (`ek_...`), which opens that session alone.",
}
# What a path without a resource is about.
_TOPICS = {"healthz": "health", "readyz": "health", "openapi.json": "docs"}


def document(routes: Iterable[Route]) -> Json:
    """The whole document, ready to be written as JSON."""
    routes = tuple(routes)
    schemas = Schemas(route.operation for route in routes)
    names = _names(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        item = paths.setdefault(route.path, _path_item(route.path))
        item[route.method.lower()] = _operation(route, names, schemas)
    paths[openapi_socket.PATH] = {"get": openapi_socket.operation(_SECURITY[Access.SESSION])}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "VoiceHub",
            "version": version("voicehub"),
            "summary": "Live AI voice sessions: accounts, plans and what the sessions left.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The server that this document came from."}],
        "tags": _tags(routes),
        "paths": paths,
        "components": {
            "schemas": schemas.components | openapi_errors.schemas(),
            "responses": openapi_errors.responses(),
            "parameters": openapi_schemas.HEADER_PARAMETERS,
            "headers": openapi_schemas.HEADERS,
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": description}
                for name, description in _SCHEMES.items()
            },
        },
    }


def _path_item(path: str) -> Json:
    names = re.findall(r"{(\w+)", path)
    return {"parameters": [openapi_schemas.path_parameter(name) for name in names]} if names else {}


def _operation(route: Route, names: dict[tuple[str, str], str], schemas: Schemas) -> Json:
    operation = route.operation
    described: Json = {
        "operationId": names[route.method, route.path],
        "summary": operation.summary,
        "tags": [_tag(route)],
        "security": _SECURITY[route.access],
        "parameters": _parameters(route, schemas),
    }
    if description := inspect.getdoc(operation.function):
        described["description"] = description
    if operation.body is not None:
        schema = schemas.body(operation.body, is_change=route.method == "PATCH")
        content = {"application/json": {"schema": schema}}
        described["requestBody"] = {"required": True, "content": content}
    described["responses"] = _successes(route, schemas) | openapi_errors.of(route)
    return described


def _parameters(route: Route, schemas: Schemas) -> list[Json]:
    operation = route.operation
    headers = [REQUEST_ID_HEADER]
    if operation.is_idempotent:
        headers.append("Idempotency-Key")
    if operation.is_tagged:
        headers.append("If-None-Match" if route.method == "GET" else "If-Match")
    found = [] if operation.query is None else schemas.query_parameters(operation.query)
    return found + [reference("parameters", name) for name in headers]


def _successes(route: Route, schemas: Schemas) -> Json:
    operation = route.operation
    names = [REQUEST_ID_HEADER]
    if operation.is_tagged:
        names.append("ETag")
    if operation.status == 201:
        names.append("Location")
    if operation.is_idempotent:
        names.append("Idempotent-Replayed")
    headers = {name: reference("headers", name) for name in names}
    success: Json = {"description": operation.summary + ".", "headers": headers}
    if content := _content(operation, schemas):
        success["content"] = content
    found = {str(int(status)): success for status in (operation.status, *operation.also)}
    if operation.is_tagged and route.method == "GET":
        known = "Nothing has changed since the state that `If-None-Match` names."
        found["304"] = {"description": known, "headers": headers}
    return found


def _content(operation: Operation, schemas: Schemas) -> Json:
    content: Json = {media: {} for media in operation.media}
    if operation.answers is not None:
        content["application/json"] = {"schema": schemas.answer(operation.answers)}
    return content


def _names(routes: tuple[Route, ...]) -> dict[tuple[str, str], str]:
    """The operationIds: `agents_create`, and `agents_create_as_admin` where admins mirror it."""
    users = {id(route.operation) for route in routes if route.access is not Access.ADMIN}
    found = {}
    for route in routes:
        function = route.operation.function
        name = f"{function.__module__.rpartition('.')[2]}_{function.__name__}"
        if route.access is Access.ADMIN and id(route.operation) in users:
            name += "_as_admin"
        if route.method == "HEAD":
            name += "_head"
        found[route.method, route.path] = name
    return found


def _tag(route: Route) -> str:
    """What the path is about: `agents`, or `admins: agents`."""
    path = re.sub(r"^/v1/(?:teams/{team_id}/(?=\w)|admin/)?", "/", route.path)
    topic = path.split("/")[1]
    topic = _TOPICS.get(topic, topic)
    return f"admins: {topic}" if route.access is Access.ADMIN else topic


def _tags(routes: tuple[Route, ...]) -> list[Json]:
    """In the order of the table, and what is no resource last."""
    names = dict.fromkeys([*map(_tag, routes), openapi_socket.TAG])
    return [{"name": name} for name in sorted(names, key=lambda name: name in _TOPICS.values())]
