"""What a client is told when the fault is our account's, and when it is its own."""

import pytest

from voicehub.realtime.frame import to_json


@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key"])
async def test_a_fault_of_our_account_ends_the_session_without_its_name(talk, code):
    error = {"type": code, "code": code, "message": "You exceeded sk-..1234 of org-7"}
    await talk.line.say("error", error=error)
    failure = await talk.until_over()
    assert failure.code == "engine_failed"
    assert failure.message == "The engine 'cloud' was refused by its provider."
    assert talk.seen == []


async def test_our_rate_limit_is_not_the_clients(talk):
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "org-7", "event_id": "e"}
    await talk.line.say("error", error=error)
    shown = (await talk.until("error")).body["error"]
    assert shown["code"] == "engine_failed"
    assert shown["event_id"] == "e"
    assert "org-7" not in shown["message"]


async def test_a_response_that_our_quota_stopped_is_failed_by_the_engine(talk):
    error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "org-7"}
    details = {"type": "failed", "error": error}
    response = {"id": "resp_1", "status": "failed", "status_details": details, "output": []}
    await talk.line.say("response.done", response=response)
    done = await talk.until("response.done")
    assert b"quota" not in to_json(done)
    assert (await talk.until_over()).code == "engine_failed"


async def test_the_clients_own_mistakes_are_told_as_they_stand(talk):
    error = {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "Cancellation failed: no active response found",
    }
    await talk.line.say("error", error=error)
    frame = await talk.until("error")
    assert frame.raw is not None
    assert frame.body["error"] == error
