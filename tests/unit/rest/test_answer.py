from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request

from voicehub.errors import (
    AuthenticationError,
    ClientError,
    ConflictError,
    DrainError,
    Fault,
    FencedError,
    RateLimitError,
)
from voicehub.keys import REQUEST_ID
from voicehub.rest import answer
from voicehub.rest.fields import Shown
from voicehub.storage.page import Page


@dataclass
class Row:
    id: int


def request(path):
    made = make_mocked_request("GET", path)
    made[REQUEST_ID] = "id-1"
    return made


def body(response):
    return orjson.loads(response.body)


def test_amounts_and_times_become_plain_json():
    response = answer.json(
        {"whole": Decimal("12.000"), "part": Decimal("0.5"), "at": datetime(2026, 3, 1, tzinfo=UTC)}
    )
    assert response.content_type == "application/json"
    assert response.body == b'{"whole":12,"part":0.5,"at":"2026-03-01T00:00:00Z"}'


def test_what_is_not_json_is_our_bug():
    with pytest.raises(TypeError):
        answer.json({"it": object()})


class RowShown(Shown):
    id: int


def test_a_page_names_its_ends():
    shown = answer.listed(Page([Row(3), Row(2)], has_more=True), RowShown, RowShown.model_validate)
    assert body(answer.shown(shown)) == {
        "object": "list",
        "data": [{"id": 3}, {"id": 2}],
        "first_id": 3,
        "last_id": 2,
        "has_more": True,
    }
    empty = answer.listed(Page([], has_more=False), RowShown, RowShown.model_validate)
    assert (empty.first_id, empty.last_id) == (None, None)


def test_an_error_points_at_every_fault():
    faults = [Fault("#/a/0", "x", "Bad."), Fault("limit", "y", "Worse.", in_query=True)]
    shown = body(answer.error(request("/v1/x"), ClientError("No.", faults=faults)))
    assert shown["errors"] == [
        {"pointer": "#/a/0", "code": "x", "detail": "Bad."},
        {"parameter": "limit", "code": "y", "detail": "Worse."},
    ]


def test_an_error_is_problem_json_with_its_field_and_extensions():
    response = answer.error(request("/v1/x"), ClientError("No.", param="email"), teams=[])
    assert (response.status, response.content_type) == (400, "application/problem+json")
    assert body(response) == {
        "type": "about:blank",
        "title": HTTPStatus.BAD_REQUEST.phrase,
        "status": 400,
        "detail": "No.",
        "code": "invalid_value",
        "request_id": "id-1",
        "param": "email",
        "teams": [],
    }


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/client_secrets"])
def test_an_error_of_the_realtime_paths_has_openais_shape(path):
    response = answer.error(request(path), ClientError("No.", param="session.model"))
    assert body(response) == {
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "No.",
            "param": "session.model",
        }
    }


def test_a_path_that_only_begins_alike_is_not_the_realtime_api():
    assert "error" not in body(answer.error(request("/v1/realtimes"), ClientError("No.")))


def test_headers_say_what_a_client_can_do():
    refused = answer.error(request("/v1/me"), AuthenticationError("No."))
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    later = answer.error(request("/v1/me"), RateLimitError("Later.", retry_after_s=9))
    assert later.headers["Retry-After"] == "9"


def test_a_refused_handshake_says_whether_to_try_again():
    problems = (ConflictError("Over."), FencedError("Just now."), DrainError("Bye."))
    told = [
        answer.error(request("/v1/realtime"), each).headers["X-Should-Retry"] for each in problems
    ]
    assert told == ["false", "true", "true"]
    assert "X-Should-Retry" not in answer.error(request("/v1/me"), problems[0]).headers
