"""What an operation's source raises, against what it is documented to answer."""

import pytest

from tests.raised import errors_of
from tests.urls import name_of
from voicehub.errors import VoiceHubError
from voicehub.rest import openapi_errors
from voicehub.rest.routes import ROUTES

# Raised on the way, and caught or never met there: the reason beside each.
NOT_ANSWERED: dict[tuple[str, str], str] = {
    ("voicehub.rest.refresh.logout", "invalid_refresh_token"): "that is 204 too",
    ("voicehub.rest.me.update", "email_taken"): "the address stays as it is",
    ("voicehub.rest.transcripts.show", "recording_not_ready"): "it is then left out",
    ("voicehub.rest.transcripts.show", "recording_unavailable"): "the same",
    ("voicehub.rest.teams.relabel", "name_taken"): "the name stays as it is",
}


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_what_an_operation_raises_is_documented(route):
    documented = set(openapi_errors.of(route)) | {str(int(each)) for each in route.operation.also}
    raised = {
        (str(int(kind.status)), code)
        for kind, code in errors_of(route.operation.function)
        if kind.status != VoiceHubError.status
    }
    operation = f"{route.operation.function.__module__}.{route.operation.function.__name__}"
    missing = {
        (status, code)
        for status, code in raised
        if status not in documented and (operation, code) not in NOT_ANSWERED
    }
    assert not missing


def test_names_lead_to_what_is_raised_elsewhere():
    by_name = {name_of(route): route for route in ROUTES}
    found = errors_of(by_name["POST /v1/sessions"].operation.function)
    assert {code for _, code in found} >= {"agent_not_found", "session_limit_exceeded"}
