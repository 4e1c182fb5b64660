import pytest

from voicehub.engines.upstream.fault import (
    Fault,
    ended_error,
    fault_of,
    neutral,
    neutral_end,
    short_name,
)
from voicehub.realtime.frame import Frame


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"type": "invalid_request_error", "code": "invalid_value"}, Fault.CLIENT),
        ({"type": "server_error"}, Fault.CLIENT),
        ({}, Fault.CLIENT),
        ({"code": ["insufficient_quota"]}, Fault.CLIENT),
        ({"type": "insufficient_quota"}, Fault.ACCOUNT),
        ({"type": "invalid_request_error", "code": "invalid_api_key"}, Fault.ACCOUNT),
        ({"type": "tokens", "code": "rate_limit_exceeded"}, Fault.BUSY),
        ({"type": "invalid_request_error", "code": "session_expired"}, Fault.EXPIRED),
    ],
)
def test_an_error_is_somebodys_fault(error, fault):
    assert fault_of(error) is fault


def test_a_neutral_error_keeps_nothing_but_the_clients_event():
    shown = neutral({"code": "insufficient_quota", "message": "org-7", "event_id": "mine"})
    assert shown["code"] == "engine_failed"
    assert shown["event_id"] == "mine"
    assert "org-7" not in str(shown)


def test_the_error_of_a_response_is_found_and_made_neutral():
    details = {"type": "failed", "error": {"code": "insufficient_quota", "message": "org-7"}}
    response = {"id": "r", "status": "failed", "status_details": details}
    frame = Frame("response.done", {"type": "response.done", "response": response}, raw=b"{}")
    assert ended_error(frame)["code"] == "insufficient_quota"
    shown = neutral_end(frame)
    assert shown.raw is None
    assert shown.body["response"]["status_details"] == {
        "type": "failed",
        "error": {"type": "server_error", "code": "engine_failed"},
    }


@pytest.mark.parametrize("details", [None, "failed", {}, {"error": None}, {"error": "quota"}])
def test_a_response_may_end_without_an_error(details):
    response = {"id": "r", "status_details": details}
    assert ended_error(Frame("response.done", {"response": response})) == {}


@pytest.mark.parametrize("value", ["session.audio.output.voice", "invalid_value", "tools[0].name"])
def test_a_name_may_be_shown(value):
    assert short_name(value) == value


@pytest.mark.parametrize("value", [None, 7, "", "sk-1234", "a b", "x" * 65])
def test_what_is_no_name_is_not_shown(value):
    assert short_name(value) is None
