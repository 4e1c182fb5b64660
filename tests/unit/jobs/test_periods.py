from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from voicehub.jobs.periods import final_status, next_period
from voicehub.storage.subscriptions import Due, SubscriptionStatus


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(start, end, now, **changed):
    fields = {
        "id": 1,
        "team_id": 1,
        "status": SubscriptionStatus.ACTIVE,
        "current_period_start": start and at(start),
        "current_period_end": at(end),
        "cancel_at_period_end": False,
        "has_plan": True,
        "total_audio_tokens_used": Decimal(0),
        "total_text_tokens_used": Decimal(0),
        "now": at(now),
    }
    return Due(**{**fields, **changed})


@pytest.mark.parametrize(
    ("start", "end", "following"),
    [
        ("2026-01-15T10:30", "2026-02-15T10:30", "2026-03-15T10:30"),
        ("2026-01-31T10:30", "2026-02-28T10:30", "2026-03-31T10:30"),
        ("2026-02-28T10:30", "2026-03-31T10:30", "2026-04-30T10:30"),
        ("2026-03-31T10:30", "2026-04-30T10:30", "2026-05-31T10:30"),
        ("2026-02-28T10:30", "2026-03-28T10:30", "2026-04-28T10:30"),
        ("2025-12-10T00:00", "2026-01-10T00:00", "2026-02-10T00:00"),
        ("2025-03-05T00:00", "2026-03-05T00:00", "2027-03-05T00:00"),
        ("2024-02-29T00:00", "2025-02-28T00:00", "2026-02-28T00:00"),
        ("2026-01-01T00:00", "2026-04-01T00:00", "2026-07-01T00:00"),
        ("2026-01-01T00:00", "2026-01-15T00:00", "2026-01-29T00:00"),
        ("2026-01-01T00:00", "2026-02-01T08:00", "2026-03-04T16:00"),
    ],
)
def test_a_period_is_followed_by_one_of_the_same_length(start, end, following):
    assert next_period(due(start, end, end)) == (at(end), at(following))


def test_two_years_of_turns_keep_the_day_of_the_month():
    period = due("2026-01-31T00:00", "2026-02-28T00:00", "2026-02-28T00:00")
    ends = []
    for _ in range(24):
        start, end = next_period(period)
        ends.append(end.day)
        period = due(start.isoformat()[:16], end.isoformat()[:16], end.isoformat()[:16])
    assert ends[:12] == [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28]
    assert ends[12:] == [*ends[:11], 29]


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-02-28T00:00", "2026-02-28T00:00", "2026-03-31T00:00"),
        ("2026-03-30T23:59", "2026-02-28T00:00", "2026-03-31T00:00"),
        ("2026-03-31T00:00", "2026-03-31T00:00", "2026-04-30T00:00"),
        ("2027-03-01T00:00", "2027-02-28T00:00", "2027-03-31T00:00"),
        ("2036-02-29T00:00", "2036-02-29T00:00", "2036-03-31T00:00"),
    ],
)
def test_periods_that_nobody_turned_are_passed_over(now, start, end):
    period = due("2026-01-31T00:00", "2026-02-28T00:00", now)
    assert next_period(period) == (at(start), at(end))


def test_a_period_of_seconds_that_ended_long_ago_is_found_at_once():
    start, end = next_period(due("2006-01-01T00:00:00", "2006-01-01T00:00:07", "2026-01-01T00:00"))
    assert end - start == timedelta(seconds=7)
    assert start <= at("2026-01-01T00:00") < end


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"cancel_at_period_end": True}, "cancelled"),
        ({"cancel_at_period_end": True, "has_plan": False}, "cancelled"),
        ({"has_plan": False}, "expired"),
        ({"current_period_start": None}, "expired"),
        ({"current_period_start": at("2026-02-01T00:00")}, "expired"),
    ],
)
def test_what_cannot_go_on_ends(changed, status):
    period = due("2026-01-01T00:00", "2026-02-01T00:00", "2026-02-01T00:00", **changed)
    assert next_period(period) is None
    assert final_status(period) == status
