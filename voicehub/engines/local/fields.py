"""Fields of client events: each function checks one kind of value and raises ClientError."""

from collections.abc import Collection, Mapping
from typing import Any

from voicehub.engines.local.reply import NamedTool, Tool, ToolChoice
from voicehub.errors import ClientError

# Open-ended JSON, as the other side sent it.
Json = Mapping[str, Any]

OUTPUT_TOKENS_MAX = 4096
METADATA_PAIRS_MAX = 16
METADATA_KEY_CHARACTERS_MAX = 64
METADATA_VALUE_CHARACTERS_MAX = 512
# More is refused: it would stand in every prompt.
TOOLS_MAX = 128
TEXT_CHARACTERS_MAX = 256 * 1024
ID_CHARACTERS_MAX = 128


def required(body: Json, name: str, param: str | None = None) -> Any:
    value = body.get(name)
    if value is None:
        where = param or name
        raise ClientError(
            f"Missing required parameter: '{where}'.",
            code="missing_required_parameter",
            param=where,
        )
    return value


def mapping(value: object, param: str) -> Json:
    """An object; null stands for an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(param, "an object")
    return value


def text(value: object, param: str) -> str:
    """A string; null clears it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(param, "a string")
    if len(value) > TEXT_CHARACTERS_MAX:
        raise ClientError(
            f"'{param}' is longer than {TEXT_CHARACTERS_MAX} characters.",
            code="string_above_max_length",
            param=param,
        )
    return value


def identifier(value: object, param: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= ID_CHARACTERS_MAX:
        raise _wrong(param, f"a string of 1 to {ID_CHARACTERS_MAX} characters")
    return value


def boolean(value: object, param: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(param, "true or false")
    return value


def number(value: object, param: str, least: float, most: float) -> float:
    # `bool` is an int to Python, not to the protocol; NaN fails the comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _wrong(param, f"a number from {least:g} to {most:g}")
    return value


def integer(value: object, param: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(param, f"a whole number from {least} to {most}")
    return value


def choice(value: object, param: str, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise _wrong(param, "one of " + ", ".join(f"'{each}'" for each in sorted(choices)))
    return value


def modality(value: object, param: str) -> str:
    """The one output modality."""
    if value is None:
        return "audio"
    # Compared, not looked up: what the client sent may not be hashable.
    if isinstance(value, list) and value in (["audio"], ["text"]):
        return str(value[0])
    raise _wrong(param, "either ['audio'] or ['text']")


def max_output_tokens(value: object, param: str) -> int | None:
    """The limit, None for none."""
    if value is None or value == "inf":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= OUTPUT_TOKENS_MAX:
        raise _wrong(param, f"a whole number from 1 to {OUTPUT_TOKENS_MAX}, or 'inf'")
    return value


def tools(value: object, param: str) -> tuple[Tool, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > TOOLS_MAX:
        raise _wrong(param, f"a list of at most {TOOLS_MAX} tools")
    return tuple(_tool(each, f"{param}[{index}]") for index, each in enumerate(value))


def _tool(value: object, param: str) -> Tool:
    body = mapping(value, param)
    choice(required(body, "type", f"{param}.type"), f"{param}.type", {"function"})
    parameters = body.get("parameters")
    return Tool(
        name=identifier(required(body, "name", f"{param}.name"), f"{param}.name"),
        description=text(body.get("description"), f"{param}.description"),
        parameters=None if parameters is None else mapping(parameters, f"{param}.parameters"),
    )


def tool_as_ga(tool: Tool) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "function", "name": tool.name, "description": tool.description}
    if tool.parameters is not None:
        body["parameters"] = dict(tool.parameters)
    return body


def tool_choice(value: object, param: str) -> ToolChoice:
    if value is None or value == "auto":
        return "auto"
    if value == "none":
        return "none"
    if value == "required":
        return "required"
    if isinstance(value, Mapping) and value.get("type") == "function":
        return NamedTool(identifier(value.get("name"), f"{param}.name"))
    raise _wrong(param, "'auto', 'none', 'required' or a function")


def tool_choice_as_ga(value: ToolChoice) -> str | dict[str, Any]:
    return {"type": "function", "name": value.name} if isinstance(value, NamedTool) else value


def metadata(value: object, param: str) -> dict[str, str] | None:
    if value is None:
        return None
    body = mapping(value, param)
    fits = len(body) <= METADATA_PAIRS_MAX and all(
        isinstance(pair_value, str)
        and len(key) <= METADATA_KEY_CHARACTERS_MAX
        and len(pair_value) <= METADATA_VALUE_CHARACTERS_MAX
        for key, pair_value in body.items()
    )
    if not fits:
        raise _wrong(
            param,
            f"at most {METADATA_PAIRS_MAX} pairs of strings, keys of {METADATA_KEY_CHARACTERS_MAX} "
            f"and values of {METADATA_VALUE_CHARACTERS_MAX} characters",
        )
    return dict(body)


def _wrong(param: str, expected: str) -> ClientError:
    return ClientError(f"Invalid value: '{param}' must be {expected}.", param=param)
