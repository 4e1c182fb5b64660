"""`following` is tested where it is used, in tests/unit/jobs/test_periods.py."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.storage.period import Interval, beginning, following

# Hypothesis gives them their zone.
moments = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds of st.datetimes are naive


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "interval", "end"),
    [
        ("2026-01-15T10:30", "month", "2026-02-15T10:30"),
        ("2026-01-31T10:30", "month", "2026-02-28T10:30"),
        ("2026-12-31T23:59", "month", "2027-01-31T23:59"),
        ("2024-02-29T00:00", "year", "2025-02-28T00:00"),
        ("2026-11-23T00:00", "year", "2027-11-23T00:00"),
    ],
)
def test_a_first_period_is_one_interval(start, interval, end):
    assert beginning(at(start), Interval(interval), at(start)) == (at(start), at(end))


@given(moments, st.sampled_from(Interval), st.timedeltas(timedelta(), timedelta(days=5000)))
def test_the_period_holds_the_moment_and_lies_on_the_grid(start, interval, later):
    now = start + later
    begins, ends = beginning(start, interval, now)
    assert start <= begins <= now < ends
    assert 0 < (ends - begins).days <= (366 if interval is Interval.YEAR else 31)
    # The worker's turns come to the same.
    period = beginning(start, interval, start)
    while period[1] <= now:
        period = following(*period, period[1])
    assert period == (begins, ends)
