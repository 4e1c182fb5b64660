from datetime import UTC, datetime
from decimal import Decimal

import pytest

from voicehub.storage.period import Interval
from voicehub.storage.subscribing import Beginning, beginning
from voicehub.storage.subscriptions import SubscriptionRow

NOW = "2026-11-23T12:00"
USED = (Decimal(700), Decimal(30))


def at(text):
    return text and datetime.fromisoformat(text).replace(tzinfo=UTC)


def cancelled(start, end):
    return SubscriptionRow(
        id=1,
        team_id=1,
        plan_id=1,
        status="cancelled",
        total_audio_tokens_used=USED[0],
        total_text_tokens_used=USED[1],
        current_period_start=at(start),
        current_period_end=at(end),
        cancel_at_period_end=False,
        created_at=at(NOW),
        updated_at=at(NOW),
    )


@pytest.mark.parametrize(
    ("interval", "end"),
    [(None, "2026-12-23T12:00"), ("month", "2026-12-23T12:00"), ("year", "2027-11-23T12:00")],
)
def test_the_first_one_begins_now_with_nothing_used(interval, end):
    begins = beginning(None, interval and Interval(interval), at(NOW))
    assert begins == Beginning((at(NOW), at(end)))
    over = cancelled("2026-10-01T00:00", "2026-11-01T00:00")
    assert beginning(over, interval and Interval(interval), at(NOW)) == begins


def test_who_asks_for_the_interval_that_it_was_keeps_the_day_of_renewal():
    # Of the 31st; a month from the start would end a day before it, with all of the plan.
    former = cancelled("2026-04-30T00:00", "2026-05-31T00:00")
    begins = beginning(former, Interval.MONTH, at("2026-05-10T00:00"))
    assert begins == beginning(former, None, at("2026-05-10T00:00"))
    assert begins.period[1] == at("2026-05-31T00:00")


@pytest.mark.parametrize(
    ("start", "end", "interval", "carried"),
    [
        ("2026-11-10T00:00", "2026-12-10T00:00", None, ("2026-11-10T00:00", "2026-12-10T00:00")),
        ("2026-11-20T00:00", "2026-11-30T00:00", None, ("2026-11-20T00:00", "2026-11-30T00:00")),
        ("2026-11-10T00:00", "2026-12-10T00:00", "month", ("2026-11-10T00:00", "2026-12-10T00:00")),
        ("2026-11-10T00:00", "2026-12-10T00:00", "year", ("2026-11-10T00:00", "2027-11-10T00:00")),
        ("2026-06-10T00:00", "2027-06-10T00:00", "month", ("2026-11-10T00:00", "2026-12-10T00:00")),
        # Without a start, without an end, or before it began.
        (None, "2026-12-10T00:00", None, (NOW, "2026-12-23T12:00")),
        ("2026-11-10T00:00", None, None, ("2026-11-10T00:00", "2026-12-10T00:00")),
        ("2026-12-01T00:00", "2027-01-01T00:00", None, (NOW, "2026-12-23T12:00")),
    ],
)
def test_within_the_period_of_a_cancelled_one_period_and_totals_go_on(
    start, end, interval, carried
):
    begins = beginning(cancelled(start, end), interval and Interval(interval), at(NOW))
    assert begins == Beginning((at(carried[0]), at(carried[1])), *USED)
