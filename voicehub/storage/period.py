"""Billing periods: how long one is, which one follows, and which one holds a moment."""

import calendar
from datetime import datetime
from enum import StrEnum

MONTHS_PER_YEAR = 12

# From its start (included) to its end (not included).
Period = tuple[datetime, datetime]


class Interval(StrEnum):
    """How long the periods of a subscription are."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        return MONTHS_PER_YEAR if self is Interval.YEAR else 1


def beginning(start: datetime, interval: Interval, now: datetime) -> Period:
    """The period that holds `now`, of those of `interval` the first of which began at `start`."""
    return _holding(start, interval.months, start.day, now)


def following(start: datetime, end: datetime, now: datetime) -> Period:
    """The period after one that has ended. Those that passed before `now` are passed over."""
    months = _months_of(start, end)
    if not months:
        length = end - start
        start += (now - start) // length * length
        return start, start + length
    # The day that months begin on: 31 where one of the ends is the last of a shorter month.
    return _holding(start, months, max(start.day, end.day), now)


def lasts(start: datetime, end: datetime, interval: Interval) -> bool:
    """Whether the period is one such interval."""
    return _months_of(start, end) == interval.months


def _holding(start: datetime, months: int, day: int, now: datetime) -> Period:
    passed = _month_number(now) - _month_number(start)
    count = max(0, passed // months - 1)  # at most so many have passed; one or two more may have
    while _months_later(start, (count + 1) * months, day) <= now:
        count += 1
    return (
        _months_later(start, count * months, day),
        _months_later(start, (count + 1) * months, day),
    )


def _months_of(start: datetime, end: datetime) -> int:
    """How many whole months lie between the two; 0 where it is not a number of months."""
    months = _month_number(end) - _month_number(start)
    day = max(start.day, end.day)
    if months > 0 and all(
        moment.day == min(day, _days_in_month(moment.year, moment.month)) for moment in (start, end)
    ):
        return months if end == _months_later(start, months, day) else 0
    return 0


def _months_later(start: datetime, months: int, day: int) -> datetime:
    year, month = divmod(_month_number(start) + months, MONTHS_PER_YEAR)
    return start.replace(year=year, month=month + 1, day=min(day, _days_in_month(year, month + 1)))


def _month_number(moment: datetime) -> int:
    return moment.year * MONTHS_PER_YEAR + moment.month - 1


def _days_in_month(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]
