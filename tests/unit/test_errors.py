import inspect

import pytest

from voicehub import errors
from voicehub.errors import (
    ClientError,
    DrainError,
    OverloadError,
    QuotaError,
    RateLimitError,
    VoiceHubError,
)

CLASSES = [
    each
    for _name, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, VoiceHubError)
]
# What the protocol lets a server close with (README); 0 leaves the session open.
CLOSE_CODES = {0, 1007, 1008, 1009, 1011, 1012, 1013}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_says_what_it_does_to_a_request_and_to_a_session(kind):
    error = kind("What went wrong.")
    assert 400 <= error.status < 600
    assert error.close_code in CLOSE_CODES
    assert error.code == error.code.lower().replace(" ", "_")
    assert str(error) == error.message == "What went wrong."


def test_the_protocols_form_has_every_key():
    error = ClientError("No.", code="unknown_parameter", param="session.voice")
    assert error.as_openai("event_7") == {
        "type": "invalid_request_error",
        "code": "unknown_parameter",
        "message": "No.",
        "param": "session.voice",
        "event_id": "event_7",
    }


def test_a_code_of_its_own_stays_with_one_error():
    assert ClientError("No.", code="special").code == "special"
    assert ClientError("No.").code == "invalid_value"


def test_a_client_stays_away_for_quota_and_comes_back_after_a_deploy():
    # Stock SDKs retry 429 at the upgrade and 1012 or 1013 after it, never 403 or 1008.
    assert (QuotaError.status, QuotaError.close_code, QuotaError.retryable) == (403, 1008, False)
    assert (DrainError.close_code, DrainError.retryable) == (1012, True)
    assert (OverloadError.close_code, OverloadError.retryable) == (1013, True)
    assert RateLimitError("Wait.", retry_after_s=3).retry_after_s == 3
