"""The models of bodies, query strings and answers as JSON Schema, and the headers beside them."""

import itertools
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from voicehub.rest.body import NUMBER_MAX, Query
from voicehub.rest.fields import Shown
from voicehub.rest.idempotency import KEY_PATTERN
from voicehub.rest.middleware import REQUEST_ID_HEADER
from voicehub.rest.operation import Operation
from voicehub.storage.page import BIGINT_MAX

Json = dict[str, Any]  # a JSON object of the document

_IDENTIFIER: Json = {"type": "integer", "format": "int64", "minimum": 0, "maximum": BIGINT_MAX}

# What a body may hold where it may hold anything (`body.check`).
_ANY_JSON: Json = {
    "description": "Any JSON that keeps its numbers within 64 bits.",
    "anyOf": [
        {"type": ["string", "boolean", "null"]},
        {"type": "number", "minimum": -NUMBER_MAX, "maximum": NUMBER_MAX},
        {"type": "array", "items": {"$ref": "#/components/schemas/AnyJson"}},
        {
            "type": "object",
            "additionalProperties": {"$ref": "#/components/schemas/AnyJson"},
        },
    ],
}

HEADER_PARAMETERS: Json = {
    REQUEST_ID_HEADER: {
        "name": REQUEST_ID_HEADER,
        "in": "header",
        "description": (
            "Your own id of the request, for logs: 1 to 64 letters, digits or `_.-`. Any other is"
            " replaced by one of ours."
        ),
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "A name of your own for this creation. For a day, a repeat with the same key and body"
            " gets the first answer and creates nothing."
        ),
        "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": (
            "The ETag of the state that you read. Where the resource has changed since, nothing is"
            " done: 412."
        ),
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of the state that you have. Where it is the latest: 304.",
        "schema": {"type": "string"},
    },
}

HEADERS: Json = {
    REQUEST_ID_HEADER: {
        "description": "The id of the request, in our logs too.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Names this state of the resource.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where what was created is found.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Idempotent-Replayed": {
        "description": "The answer is that of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {
        "description": "How many seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "The scheme that would be accepted.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}


def reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def path_parameter(name: str) -> Json:
    is_id = name.endswith("_id")
    schema = dict(_IDENTIFIER) if is_id else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


class _Generator(GenerateJsonSchema):
    def normalize_name(self, name: str) -> str:
        """`AgentShownList`, where pydantic would say `Listed_AgentShown_`."""
        return super().normalize_name(re.sub(r"^Listed\[(\w+)\]$", r"\1List", name))


class Schemas:
    """The schemas of all models that some operations take and answer."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
        for each in operations:
            wanted |= {(model, "validation"): None for model in each.models.values()}
            if each.answers is not None:
                wanted[each.answers, "serialization"] = None
        self._places, found = models_json_schema(
            list(wanted),
            ref_template="#/components/schemas/{model}",
            schema_generator=_Generator,
        )
        self.components: Json = found.get("$defs", {})
        for schema in self.components.values():
            _tidy(schema)
        self.components["AnyJson"] = _ANY_JSON
        # Of a query string the parameters are told, one by one.
        self._queries = {
            model: self.components.pop(_name(self._places[model, mode]))
            for model, mode in wanted
            if issubclass(model, Query)
        }
        self._add_list_examples()

    def body(self, model: type[BaseModel], *, is_change: bool) -> Json:
        """Where `is_change`, what is left out stays as it is, and no default is told."""
        place = self._places[model, "validation"]
        if is_change:
            for each in self.components[_name(place)]["properties"].values():
                each.pop("default", None)
        return place

    def answer(self, model: type[Shown]) -> Json:
        return self._places[model, "serialization"]

    def query_parameters(self, model: type[Query]) -> list[Json]:
        schema = self._queries[model]
        return [
            _query_parameter(name, each, is_required=name in schema.get("required", ()))
            for name, each in schema["properties"].items()
        ]

    def _add_list_examples(self) -> None:
        """A list of what its items give as their example."""
        for schema in self.components.values():
            items = schema.get("properties", {}).get("data", {}).get("items", {})
            item = self.components.get(_name(items), {})
            if "examples" in item and "has_more" in schema["properties"]:
                shown = item["examples"][0]
                ends = {"first_id": shown.get("id"), "last_id": shown.get("id")}
                page = {"object": "list", "data": [shown], **ends, "has_more": False}
                schema.setdefault("examples", [page])


def _name(place: Json) -> str:
    """The component that a reference names."""
    return str(place.get("$ref", "")).rpartition("/")[2]


def _tidy(schema: Json) -> None:
    """Where a model takes any JSON, say which: pydantic's `Any` knows no bounds, and a store does.

    The titles that pydantic makes of names say nothing that the names do not.
    """
    schema.pop("title", None)
    # What pydantic calls a bound behind a validator of ours. Of a moment JSON Schema has none.
    for name, said in (("ge", "minimum"), ("le", "maximum")):
        bound = schema.pop(name, None)
        if isinstance(bound, int | float):
            schema[said] = bound
    if schema.get("type") == "number" and isinstance(schema.get("default"), str):
        schema["default"] = float(schema["default"])  # a Decimal's, which pydantic writes as text
    if schema.get("additionalProperties") is True:
        schema["additionalProperties"] = reference("schemas", "AnyJson")
    if schema.get("items") == {}:
        schema["items"] = reference("schemas", "AnyJson")
    choices = (schema.get(kind, ()) for kind in ("anyOf", "oneOf", "allOf", "prefixItems"))
    for part in (*schema.get("properties", {}).values(), *itertools.chain(*choices)):
        _tidy(part)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            _tidy(schema[name])


def _query_parameter(name: str, schema: Json, *, is_required: bool) -> Json:
    schema = dict(schema)
    parameter: Json = {"name": name, "in": "query", "required": is_required}
    if description := schema.pop("description", None):
        parameter["description"] = description
    # What is null in the model is left out of a query string.
    if schema.get("default", ...) is None:
        del schema["default"]
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema |= choices[0]
    elif choices:
        schema["anyOf"] = choices
    return parameter | {"schema": schema}
