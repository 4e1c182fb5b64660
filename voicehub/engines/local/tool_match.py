"""Chooses a tool by the words of an utterance and fills its arguments from its JSON schema."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from voicehub.engines.local.reply import NamedTool, Prompt, Tool
from voicehub.engines.local.spoken_numbers import numbers_in

# A schema nested deeper than this gets empty objects there.
DEPTH_MAX = 4
# A schema wider than this gets only its first properties.
PROPERTIES_MAX = 40
# JSON readers agree on whole numbers up to here.
INTEGER_MAX = 2**53

_WORD = re.compile(r"[a-zA-Z]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Words that say nothing about what a tool is for.
_GENERIC_WORDS = """
    a an and are at be by call can check create current do does fetch find for from function get
    given have how i if in information is it its look lookup make me my new of on or please return
    returns run set show tell tool that the this to up use user want what when with would you your
"""
_GENERIC = frozenset(_GENERIC_WORDS.split())
_PLACE = re.compile(
    r"\b(?:in|at|for|to|from|near|about|of)\s+(?:the\s+)?"
    r"(?P<words>[A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*){0,3})"  # noqa: RUF001  # the curly quote is meant
)
_NEGATION = re.compile(r"\b(?:no|not|don't|do not|never|without|cancel)\b", re.IGNORECASE)


def chosen_tool(prompt: Prompt, utterance: str) -> Tool | None:
    """The tool to run now, or None to speak."""
    choice = prompt.tool_choice
    if not prompt.tools or choice == "none":
        return None
    if isinstance(choice, NamedTool):
        return next((tool for tool in prompt.tools if tool.name == choice.name), None)
    best = max(prompt.tools, key=lambda tool: _score(tool, utterance))
    if choice == "required" or _score(best, utterance) >= 1:
        return best
    return None


def tool_arguments(tool: Tool, utterance: str) -> dict[str, Any]:
    """Arguments that satisfy the schema as well as the utterance allows."""
    words = _Words(utterance, numbers_in(utterance))
    return _object(tool.name, tool.parameters or {}, words, -1)


def _score(tool: Tool, utterance: str) -> float:
    """1 or more when the utterance names what the tool does.

    All telling words of the name, or half of them and two more of the description.
    """
    heard = _stems(utterance)
    name, description = _stems(tool.name), _stems(tool.description)
    telling = (name - _GENERIC) or name
    if not telling:
        return 0
    share = len(telling & heard) / len(telling)
    others = len((description - telling - _GENERIC) & heard)
    if share == 1 or (share >= 0.5 and others >= 2) or (share > 0 and others >= 3):
        return 1 + share + others / 100
    return share / 2


def _stems(text: str) -> set[str]:
    """Lower-case words without their usual endings: "tables" and "table" are one."""
    words = _WORD.findall(_CAMEL.sub(" ", text))
    return {_stem(word.lower()) for word in words}


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word.removesuffix("e")


@dataclass(slots=True)
class _Words:
    """What an utterance still offers: a number is used once."""

    utterance: str
    numbers: list[float]
    used_place: bool = field(default=False)


def _object(_name: str, schema: Mapping[str, Any], words: _Words, depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    depth += 1
    if not isinstance(properties, Mapping) or depth >= DEPTH_MAX:
        return {}
    listed = schema.get("required")
    required = listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ()
    # Required first, so that they get the numbers.
    ordered = sorted(properties, key=lambda name: name not in required)[:PROPERTIES_MAX]
    filled = {}
    for name in ordered:
        part = properties[name] if isinstance(properties[name], Mapping) else {}
        if name in required or _is_heard(part, words):
            filled[name] = _value(str(name), part, words, depth)
    return filled


def _is_heard(schema: Mapping[str, Any], words: _Words) -> bool:
    """Whether an optional property was clearly meant."""
    if _enum_heard(schema, words.utterance) is not None:
        return True
    return _kind(schema) in {"integer", "number"} and bool(words.numbers)


def _value(
    name: str, schema: Mapping[str, Any], words: _Words, depth: int
) -> Any:  # any JSON value
    if "const" in schema:
        return schema["const"]
    options = schema.get("enum")
    if isinstance(options, list) and options:
        heard = _enum_heard(schema, words.utterance)
        return schema.get("default", options[0]) if heard is None else heard
    kind = _kind(schema)
    if kind in {"integer", "number"}:
        return _number(schema, words, whole=kind == "integer")
    if kind in {"object", "array"}:
        fill = _object if kind == "object" else _array
        return fill(name, schema, words, depth)
    return _simple(kind, name, schema, words)


def _simple(kind: str, name: str, schema: Mapping[str, Any], words: _Words) -> str | bool | None:
    if kind == "null":
        return None
    if kind == "boolean":
        return _NEGATION.search(words.utterance) is None
    return _string(name, schema, words)


def _kind(schema: Mapping[str, Any]) -> str:
    """The property's type; the first one that is not null where it may have several."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        kinds = next((kind for kind in kinds if kind != "null"), "null")
    if isinstance(kinds, str):
        return kinds
    for alternatives in (schema.get("anyOf"), schema.get("oneOf")):
        if isinstance(alternatives, list):
            named = (each.get("type") for each in alternatives if isinstance(each, Mapping))
            return next(
                (kind for kind in named if isinstance(kind, str) and kind != "null"), "string"
            )
    return "object" if "properties" in schema else "string"


def _enum_heard(schema: Mapping[str, Any], utterance: str) -> Any:  # an enum holds any JSON value
    options = schema.get("enum")
    if not isinstance(options, list):
        return None
    heard = _stems(utterance)
    for option in options:
        stems = _stems(str(option))
        if stems and stems <= heard:
            return option
    return None


def _number(schema: Mapping[str, Any], words: _Words, *, whole: bool) -> float | int:
    if words.numbers:
        value = words.numbers.pop(0)
    else:
        default = schema.get("default", schema.get("minimum", 0))
        value = float(default) if isinstance(default, int | float) else 0.0
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(low, int | float):
        value = max(value, low)
    if isinstance(high, int | float):
        value = min(value, high)
    fits = abs(value) <= INTEGER_MAX and (whole or float(value).is_integer())
    return int(value) if fits else value


def _array(name: str, schema: Mapping[str, Any], words: _Words, depth: int) -> list[Any]:
    items = schema.get("items")
    if depth >= DEPTH_MAX:
        return []
    return [_value(name, items if isinstance(items, Mapping) else {}, words, depth + 1)]


def _string(name: str, schema: Mapping[str, Any], words: _Words) -> str:
    """What follows the property's own name, else a proper noun, else the whole utterance."""
    own = re.escape(" ".join(_WORD.findall(_CAMEL.sub(" ", name))).lower())
    told = re.search(rf"\b{own}\s+(?:is|to|as|of)?\s*(.+?)[.!?]*$", words.utterance, re.IGNORECASE)
    if own and told:
        return told[1]
    place = None if words.used_place else _PLACE.search(words.utterance)
    if place:
        words.used_place = True
        return place["words"]
    default = schema.get("default")
    return default if isinstance(default, str) else words.utterance.strip()
