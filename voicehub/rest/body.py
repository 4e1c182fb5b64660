"""What a client sent: bodies and query strings become models, and anything odd a clear 400."""

import asyncio
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from voicehub.errors import ClientError, Fault, NotFoundError, TooLargeError
from voicehub.storage.page import BIGINT_MAX

Model = TypeVar("Model", bound=BaseModel)

BODY_BYTES_MAX = 256 << 10  # a larger body is refused with 413
BODY_READ_S = 15.0  # a body that takes longer is refused with 408
DEPTH_MAX = 32  # deeper nesting is refused with 400
FAULTS_MAX = 20  # an answer names that many faults of a body, and no more
NUMBER_MAX = BIGINT_MAX  # larger numbers are refused: they would not come back as they came

# What pydantic calls a fault, and what OpenAI's clients know it by.
CODES = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter"}


class Body(BaseModel):
    """A body of ours: exact types, and no key that we would silently ignore."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


class Query(BaseModel):
    """A query string: everything in it is text."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class _UnsupportedMediaTypeError(ClientError):
    code = "unsupported_media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class _TooSlowError(ClientError):
    code = "request_timeout"
    status = HTTPStatus.REQUEST_TIMEOUT
    retryable = True


async def read(request: web.Request, model: type[Model]) -> Model:
    """The JSON body as `model`. Raises ClientError."""
    # A body without a type is taken as JSON; a form, which curl sends by default, is told so.
    if "Content-Type" in request.headers and request.content_type != "application/json":
        raise _UnsupportedMediaTypeError("The body must be application/json.")
    return _validated(model, parse(await read_bytes(request)), in_query=False)


async def read_bytes(request: web.Request) -> bytes:
    """The body as it came; it stays for whoever reads it again. Raises ClientError."""
    try:
        async with asyncio.timeout(BODY_READ_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLargeError(f"The body is larger than {request.client_max_size} bytes.") from None
    except TimeoutError:
        raise _TooSlowError("The body took too long to arrive.") from None
    except web.RequestPayloadError:
        # Its Content-Encoding or Transfer-Encoding says what it is not.
        raise ClientError("The body is not encoded as its headers say.") from None


def query(request: web.Request, model: type[Model]) -> Model:
    """The query string as `model`. Raises ClientError."""
    repeated = [name for name in request.query if len(request.query.getall(name)) > 1]
    if repeated:
        raise ClientError("The parameter stands there twice.", param=repeated[0])
    check(dict(request.query))
    return _validated(model, dict(request.query), in_query=True)


def path_id(request: web.Request, name: str) -> int:
    """The id in the path. What cannot be an id is the id of nothing: NotFoundError."""
    text = request.match_info[name]
    if text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= BIGINT_MAX:
        return int(text)
    raise NotFoundError("There is no such resource.")


def parse(raw: bytes) -> Any:
    """JSON that every store can keep. Raises ClientError."""
    try:
        # orjson refuses NaN, infinity, lone surrogates and what is not UTF-8.
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ClientError("The body is not valid JSON.", code="invalid_json") from None
    check(value)
    return value


def check(value: Any) -> None:
    """Refuse what JSON allows and a store does not. Raises ClientError."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise ClientError(f"The body is nested deeper than {DEPTH_MAX} levels.")
        for part in level:
            _check_scalar(part)
        level = [child for part in level for child in _children(part)]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        try:
            # A query string may hold bytes that are not UTF-8: aiohttp turns them to surrogates.
            encoded = value.encode()
        except UnicodeEncodeError:
            raise ClientError("The text is not valid Unicode.") from None
        # Postgres keeps U+0000 neither in text nor in jsonb.
        if b"\0" in encoded:
            raise ClientError("Text must not contain U+0000.")
    elif isinstance(value, int | float) and not -NUMBER_MAX <= value <= NUMBER_MAX:
        raise ClientError(f"Numbers must lie within -{NUMBER_MAX} and {NUMBER_MAX}.")


def _validated(model: type[Model], value: Any, *, in_query: bool) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # The messages name types and limits, never what was sent.
        found = error.errors(include_url=False, include_input=False, include_context=False)
    faults = [_fault(each, in_query=in_query) for each in found[:FAULTS_MAX]]
    param = ".".join(str(step) for step in found[0]["loc"]) or None
    raise ClientError(faults[0].detail, code=faults[0].code, param=param, faults=faults)


def _fault(found: ErrorDetails, *, in_query: bool) -> Fault:
    steps = [str(step) for step in found["loc"]]
    # RFC 6901 sections 3 and 6: a JSON pointer as a URI fragment.
    escaped = (quote(step.replace("~", "~0").replace("/", "~1"), safe="~") for step in steps)
    place = ".".join(steps) if in_query else "#" + "".join(f"/{step}" for step in escaped)
    code = CODES.get(found["type"], ClientError.code)
    return Fault(place, code, found["msg"], in_query)
