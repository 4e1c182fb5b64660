"""voicehub/rest/session_lists.py: what a query string asks for."""

import pytest
from pydantic import ValidationError

from voicehub.rest.session_lists import AllSessionsQuery, SessionsQuery
from voicehub.session.state import Status
from voicehub.storage.session_search import Filters


def test_what_is_asked_for_becomes_filters():
    asked = SessionsQuery(
        status="paused,failed", agent_id="3", started_from="2026-01-01T00:00:00+02:00", q="hello"
    )
    filters = asked.filters(7)
    assert (filters.team_id, filters.agent_id, filters.words) == (7, 3, "hello")
    assert filters.status == (Status.PAUSED, Status.FAILED)
    assert filters.started_from.isoformat() == "2026-01-01T00:00:00+02:00"
    assert not filters.is_team_alone


def test_nothing_asked_for_is_the_team_alone():
    assert SessionsQuery().filters(7) == Filters(7)
    assert Filters(7).is_team_alone
    assert not AllSessionsQuery().filters(None).is_team_alone


@pytest.mark.parametrize(
    "moment",
    [
        "1700000000",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "1969-12-31T00:00:00Z",
        "now",
        "2026-1-1T0Z",
    ],
)
def test_a_moment_has_its_zone_and_a_place_in_every_store(moment):
    with pytest.raises(ValidationError):
        SessionsQuery(started_to=moment)


def test_statuses_are_described_as_they_are_sent():
    schema = SessionsQuery.model_json_schema()["properties"]["status"]
    (described,) = (each for each in schema["anyOf"] if each["type"] == "string")
    assert described["pattern"].startswith("^(created|")
