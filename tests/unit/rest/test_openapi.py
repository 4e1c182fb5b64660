"""The document as a whole, made of the real URL table: everything in it, and all of it sound."""

import re

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from voicehub.rest.middleware import Access
from voicehub.rest.openapi import document
from voicehub.rest.routes import ROUTES

DOCUMENT = document(ROUTES)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}
WHOLE = Registry().with_resource("urn:api", Resource(contents=DOCUMENT, specification=DRAFT202012))
MODELS = {
    model
    for route in ROUTES
    for model in (*route.operation.models.values(), route.operation.answers)
    if model is not None
}


def test_it_is_a_valid_openapi_document():
    validate(DOCUMENT)


def test_every_row_of_the_table_stands_in_it_and_the_socket():
    assert set(OPERATIONS) == {f"{each.method} {each.path}" for each in ROUTES} | {
        "GET /v1/realtime"
    }


def test_an_operation_has_one_name_and_a_mirror_another():
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    assert OPERATIONS["GET /v1/agents"]["operationId"] == "agents_list_page"
    mirror = OPERATIONS["GET /v1/teams/{team_id}/agents"]
    assert mirror["operationId"] == "agents_list_page_as_admin"


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_an_operation_says_what_it_does_and_who_may(route):
    operation = OPERATIONS[f"{route.method} {route.path}"]
    assert re.match(r"[A-Z].*[^.]$", operation["summary"])
    schemes = {name for each in operation["security"] for name in each}
    assert (
        schemes
        == {
            Access.OPEN: set(),
            Access.USER: {"user"},
            Access.SIGNED_IN: {"user", "admin"},
            Access.ADMIN: {"admin"},
            Access.SESSION: {"user", "client_secret"},
        }[route.access]
    )
    assert ("401" in operation["responses"]) >= (route.access is not Access.OPEN)


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_the_ids_of_a_path_are_its_parameters(route):
    told = DOCUMENT["paths"][route.path].get("parameters", [])
    assert [each["name"] for each in told] == re.findall(r"{(\w+)}", route.path)


def test_no_two_models_share_a_name():
    # pydantic tells them apart by their modules, which makes names that no client wants.
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]


@pytest.mark.parametrize(
    ("name", "schema"), DOCUMENT["components"]["schemas"].items(), ids=lambda each: str(each)[:40]
)
def test_a_schema_is_valid_and_so_are_its_examples(name, schema):
    Draft202012Validator.check_schema(schema)
    for example in schema.get("examples", ()):
        validator(f"schemas/{name}").validate(example)


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_what_is_sent_and_answered_has_an_example(route):
    operation = OPERATIONS[f"{route.method} {route.path}"]
    sent = operation.get("requestBody", {}).get("content", {}).values()
    answered = [
        media
        for status, response in operation["responses"].items()
        if status.startswith("2")
        for name, media in response.get("content", {}).items()
        if name == "application/json"
    ]
    for media in (*sent, *answered):
        name = media["schema"]["$ref"].rpartition("/")[2]
        assert DOCUMENT["components"]["schemas"][name].get("examples"), name


@pytest.mark.parametrize(
    "model", sorted(MODELS, key=lambda each: each.__name__), ids=lambda each: each.__name__
)
def test_an_example_passes_the_model_itself(model):
    extra = model.model_config.get("json_schema_extra") or {}
    for example in extra.get("examples", ()):
        model.model_validate(example, by_name=False, by_alias=True, strict=False)


def test_the_examples_of_errors_fit_their_schemas():
    for name, response in DOCUMENT["components"]["responses"].items():
        for media, content in response["content"].items():
            place = f"responses/{name}/content/{media.replace('/', '~1')}/schema"
            for example in content["examples"].values():
                validator(place).validate(example["value"])


def validator(place):
    return Draft202012Validator(
        {"$ref": f"urn:api#/components/{place}"},
        registry=WHOLE,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
