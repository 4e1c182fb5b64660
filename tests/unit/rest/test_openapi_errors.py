import pytest
from jsonschema import Draft202012Validator

from voicehub.errors import ConflictError, NotFoundError
from voicehub.rest import openapi_errors
from voicehub.rest.body import Body, Query
from voicehub.rest.fields import Shown
from voicehub.rest.middleware import Access
from voicehub.rest.operation import operation
from voicehub.rest.route import Route


class Sent(Body):
    name: str


class Asked(Query):
    limit: int = 1


class Made(Shown):
    name: str


@operation("Read", answers=Made)
async def read(_, asked: Asked):
    return Made(name=str(asked.limit))


@operation("Make", answers=Made, errors=(ConflictError,), is_idempotent=True)
async def make(_, sent: Sent):
    return Made(name=sent.name)


@operation("Change", answers=Made, errors=(NotFoundError,), is_tagged=True)
async def change(_, sent: Sent):
    return Made(name=sent.name)


def statuses(method, path, function, access):
    return set(openapi_errors.of(Route(method, path, function, access)))


def test_anybody_may_be_told_that_the_query_is_wrong():
    assert statuses("GET", "/v1/x", read, Access.OPEN) == {"400"}


def test_a_token_may_be_missing_wrong_or_not_enough_and_the_stores_away():
    told = statuses("GET", "/v1/x", read, Access.USER)
    assert told == {"400", "401", "403", "503"}


def test_an_id_may_be_that_of_nothing():
    assert "404" in statuses("GET", "/v1/x/{x_id}", read, Access.USER)


def test_a_body_may_be_slow_too_large_or_no_json():
    assert statuses("PATCH", "/v1/x", change, Access.OPEN) >= {"408", "413", "415"}
    assert "415" not in statuses("GET", "/v1/x", read, Access.USER)


def test_what_an_idempotency_key_may_meet():
    assert statuses("POST", "/v1/x", make, Access.USER) >= {"409", "422"}


def test_a_change_may_meet_another_state():
    assert "412" in statuses("PATCH", "/v1/x", change, Access.USER)
    assert "412" not in statuses("GET", "/v1/x", change, Access.USER)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/realtime/client_secrets", "RealtimeError400"),
        ("/v1/realtimes", "Problem400"),
        ("/v1/x", "Problem400"),
    ],
)
def test_the_shape_is_that_of_the_path(path, kind):
    told = openapi_errors.of(Route("GET", path, read, Access.OPEN))
    assert told["400"] == {"$ref": f"#/components/responses/{kind}"}


def test_a_fault_names_a_place_in_the_body_or_a_parameter_and_not_both():
    validator = Draft202012Validator(openapi_errors.schemas()["Fault"])
    told = {"code": "invalid_value", "detail": "No."}
    assert validator.is_valid(told | {"pointer": "#/name"})
    assert validator.is_valid(told | {"parameter": "limit"})
    assert not validator.is_valid(told)
    assert not validator.is_valid(told | {"pointer": "#/name", "parameter": "limit"})
