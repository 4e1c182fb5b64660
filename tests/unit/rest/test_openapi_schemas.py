from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from voicehub.rest.body import NUMBER_MAX, Body, Query
from voicehub.rest.fields import Identifier, Listed, Shown
from voicehub.rest.openapi_schemas import Schemas, path_parameter
from voicehub.rest.operation import operation
from voicehub.storage.page import BIGINT_MAX


class Colour(StrEnum):
    RED = "red"


class Asked(Query):
    limit: Annotated[int, Field(ge=1)] = 20
    agent_id: Identifier | None = None
    """Whose."""
    colour: Colour | None = None
    name: str


class Wanted(Body):
    anything: dict[str, Any]
    more: list[dict[str, Any]] | None = None


class Lenient(BaseModel):
    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    name: str


class Thing(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [{"object": "thing", "id": 7}]})

    object: str = "thing"
    id: int
    """Its number."""


@operation("List things", answers=Listed[Thing])
async def list_page(_, asked: Asked):
    raise NotImplementedError


@operation("Make a thing", answers=Thing)
async def make(_, wanted: Wanted):
    raise NotImplementedError


@operation("Make a thing of theirs", answers=Thing)
async def theirs(_, wanted: Lenient):
    raise NotImplementedError


ANY = {"$ref": "#/components/schemas/AnyJson"}


def parameters():
    return {each["name"]: each for each in Schemas([list_page]).query_parameters(Asked)}


def test_a_query_string_is_told_parameter_by_parameter():
    assert parameters()["limit"] == {
        "name": "limit",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "default": 20},
    }
    assert parameters()["name"]["required"]
    assert "Asked" not in Schemas([list_page]).components


def test_a_parameter_that_may_be_left_out_is_never_null():
    identifier = {"type": "integer", "minimum": 0, "maximum": BIGINT_MAX}
    assert parameters()["agent_id"]["schema"] == identifier
    assert parameters()["agent_id"]["description"] == "Whose."
    assert parameters()["colour"]["schema"] == {"$ref": "#/components/schemas/Colour"}
    assert "Colour" in Schemas([list_page]).components


def test_every_key_of_an_answer_is_always_there():
    assert Schemas([make]).components["Thing"]["required"] == ["object", "id"]


def test_the_line_below_a_field_is_its_description():
    assert Schemas([make]).components["Thing"]["properties"]["id"]["description"] == "Its number."


def test_a_list_shows_the_example_of_its_items():
    schemas = Schemas([list_page])
    assert schemas.answer(Listed[Thing]) == {"$ref": "#/components/schemas/ThingList"}
    (example,) = schemas.components["ThingList"]["examples"]
    assert example == {
        "object": "list",
        "data": [{"object": "thing", "id": 7}],
        "first_id": 7,
        "last_id": 7,
        "has_more": False,
    }


def test_any_json_has_the_bounds_of_what_we_keep():
    components = Schemas([make, theirs]).components
    wanted = components["Wanted"]
    assert wanted["properties"]["anything"]["additionalProperties"] == ANY
    assert wanted["properties"]["more"]["anyOf"][0]["items"]["additionalProperties"] == ANY
    assert wanted["additionalProperties"] is False
    assert components["Lenient"]["additionalProperties"] == ANY
    number = components["AnyJson"]["anyOf"][1]
    assert number == {"type": "number", "minimum": -NUMBER_MAX, "maximum": NUMBER_MAX}


def test_an_id_in_a_path_is_a_number_and_else_it_is_text():
    assert path_parameter("session_id")["schema"]["type"] == "integer"
    assert path_parameter("file")["schema"] == {"type": "string"}
