"""From the bytes of a WebSocket message to a Frame, or to the protocol's own error."""

from typing import Any

import orjson
import pybase64
from pydantic import ValidationError

from voicehub.errors import ClientError, NotTextError, TooLargeError
from voicehub.realtime.extension import EXTENSION_EVENT, EXTENSION_EVENT_TYPES
from voicehub.realtime.frame import AUDIO_FIELD, Body, Frame
from voicehub.realtime.models import CLIENT_EVENT, CLIENT_EVENT_TYPES

APPEND = "input_audio_buffer.append"
# The protocol's limit of one append, in bytes of decoded audio; its base64 is a third longer.
APPEND_BYTES_MAX = 15 * 1024 * 1024
MESSAGE_BYTES_MAX = APPEND_BYTES_MAX * 4 // 3 + 4096
# Events other than audio: instructions, tools and items fit with room to spare.
EVENT_BYTES_MAX = 4 * 1024 * 1024
# Deeper than any tool's schema; what is read at twice this depth cannot be written again.
NESTING_MAX = 100
# How much of a client's own words an error repeats.
ECHO_MAX = 128


def parse_client(raw: bytes, *, extended: bool = False) -> Frame:
    """The client event in `raw`, UTF-8; `extended` clients have those of voicehub.v1 as well.
    Raises ClientError, and the session stays open; TooLargeError and NotTextError end it.

    The frame keeps no `raw` text for audio: it is decoded here, once, and `audio` holds it.
    """
    body = _json_object(raw)
    kind = body.get("type")
    if kind == APPEND:
        return _append(body)
    if not isinstance(kind, str):
        raise _no_type(body, kind)
    if len(raw) > EVENT_BYTES_MAX:
        raise TooLargeError(f"A {kind[:64]} event may hold {EVENT_BYTES_MAX} bytes at most.")
    if _is_deep(raw, body):
        raise ClientError(f"A client event may be nested {NESTING_MAX} levels deep at most.")
    _check_shape(body, kind, extended=extended)
    if b"\\u0000" in raw:
        _refuse_nul(body, "")
    return Frame(kind, body, raw=raw)


def parse_client_audio(raw: bytes) -> Frame:
    """A binary message of an extended client: raw audio in the session's input format.

    Raises ClientError, and the session stays open; TooLargeError ends it.
    """
    if not raw:
        raise ClientError("A binary message holds audio; this one is empty.", param="audio")
    if len(raw) > APPEND_BYTES_MAX:
        raise TooLargeError("A binary message may hold 15 MiB of audio at most.", param="audio")
    return Frame(APPEND, {"type": APPEND}, audio=bytes(raw))


def parse_server(raw: bytes) -> Frame:
    """A server event as an engine sent it. Raises ValueError when it is none."""
    body = orjson.loads(raw)
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise ValueError("not a server event")  # noqa: TRY004  # one error for all that is no event
    kind = body["type"]
    field = AUDIO_FIELD.get(kind)
    if field is None:
        return Frame(kind, body, raw=raw)
    encoded = body.pop(field, None)
    if not isinstance(encoded, str):
        raise ValueError("an audio event without audio")  # noqa: TRY004  # the same
    return Frame(kind, body, audio=pybase64.b64decode(encoded, validate=True), raw=raw)


def event_id_of(raw: bytes) -> str | None:
    """The `event_id` of a message that was refused, as far as one can be read."""
    try:
        value = orjson.loads(raw)
    except ValueError:
        return None
    event_id = value.get("event_id") if isinstance(value, dict) else None
    return event_id if isinstance(event_id, str) and len(event_id) <= 512 else None


def check_text(raw: bytes) -> None:
    """Raises NotTextError when `raw` is not UTF-8. What is JSON has been checked by its parser."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise NotTextError("The text message is not valid UTF-8.") from None


def _json_object(raw: bytes) -> Body:
    try:
        body = orjson.loads(raw)
    except ValueError:
        check_text(raw)
        raise ClientError("The message is not valid JSON.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise ClientError("A client event is a JSON object.", code="invalid_json")
    return body


def _append(body: Body) -> Frame:
    encoded = body.pop("audio", None)
    if encoded is None:
        raise ClientError(
            "Missing required parameter: 'audio'.", code="missing_required_parameter", param="audio"
        )
    if not isinstance(encoded, str):
        raise ClientError("'audio' is base64 text.", code="invalid_type", param="audio")
    if len(body) > 1:
        _check_shape({**body, "audio": ""}, APPEND)
    return Frame(APPEND, body, audio=decode_audio(encoded, "audio"))


def decode_audio(encoded: str, param: str) -> bytes:
    """Raw audio of a base64 field named `param`. Raises ClientError."""
    try:
        audio = pybase64.b64decode(encoded, validate=True)
    except (ValueError, UnicodeError):
        raise ClientError(
            f"'{param}' is not valid base64.", code="invalid_base64", param=param
        ) from None
    if len(audio) > APPEND_BYTES_MAX:
        raise TooLargeError(f"'{param}' may hold 15 MiB of audio at most.", param=param)
    return audio


def _check_shape(body: Body, kind: str, *, extended: bool = False) -> None:
    ours = extended and kind.startswith("voicehub.")
    try:
        (EXTENSION_EVENT if ours else CLIENT_EVENT).validate_python(body)
    except ValidationError as error:
        known = EXTENSION_EVENT_TYPES if ours else CLIENT_EVENT_TYPES
        raise _client_error(error, body, known) from None


def _client_error(error: ValidationError, body: Body, known: tuple[str, ...]) -> ClientError:
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"} and not first["loc"]:
        return _type_error(body["type"], known)
    param = _path(first["loc"], body)[:ECHO_MAX]
    reason = first["msg"][:ECHO_MAX]
    if first["type"] == "missing":
        message, code = f"Missing required parameter: '{param}'.", "missing_required_parameter"
    elif first["type"] == "extra_forbidden":
        message, code = f"Unknown parameter: '{param}'.", "unknown_parameter"
    elif first["type"].endswith("_type"):
        message, code = f"Invalid type for '{param}': {reason}.", "invalid_type"
    else:
        message, code = f"Invalid value for '{param}': {reason}.", "invalid_value"
    return ClientError(message, code=code, param=param)


def _path(loc: tuple[str | int, ...], body: Body) -> str:
    """The field at fault, as `item.content[0].text`, without the names of a union's members that
    pydantic puts in between.
    """
    path, last = "", len(loc) - 1
    value: Any = body  # any JSON
    for place, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
        elif isinstance(value, dict) and (part in value or place == last):
            path += f".{part}" if path else part
            value = value.get(part)
    return path


def _type_error(kind: str, known: tuple[str, ...]) -> ClientError:
    supported = ", ".join(f"'{name}'" for name in known)
    return ClientError(
        f"Invalid value: '{kind[:64]}'. Supported values are: {supported}.", param="type"
    )


def _no_type(body: Body, kind: object) -> ClientError:
    if "type" not in body:
        return ClientError(
            "Missing required parameter: 'type'.", code="missing_required_parameter", param="type"
        )
    return ClientError(
        f"Invalid type for 'type': expected a string, got {type(kind).__name__}.",
        code="invalid_type",
        param="type",
    )


def _is_deep(raw: bytes, body: Body) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= NESTING_MAX:
        return False
    level: list[Any] = [body]
    for _ in range(NESTING_MAX):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _refuse_nul(value: object, path: str) -> None:
    """U+0000 cannot be kept in the transcript's JSONB: refuse it where it stands."""
    if isinstance(value, str):
        if "\0" in value:
            shown = path[:ECHO_MAX]
            raise ClientError(f"'{shown}' holds the character U+0000.", param=shown)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nul(key, path)
            _refuse_nul(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_nul(inner, f"{path}[{index}]")
