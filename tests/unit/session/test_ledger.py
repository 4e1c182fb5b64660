"""When totals are written, and which time counts."""

from tests.sessions import START_MS, left, spec
from voicehub.session.beat import BEAT_MS
from voicehub.session.events import QuotaRead
from voicehub.session.ledger import BOOK_EVERY_MS, Ledger


def test_bookings_are_numbered_and_hold_what_is_there_now():
    ledger = Ledger(spec())
    first = ledger.book(START_MS)
    ledger.meter.totals.audio += 5
    second = ledger.book(START_MS)
    assert [(each.sequence, each.totals.audio) for each in (first, second)] == [(1, 0), (2, 5)]


def test_a_booking_that_is_wanted_is_due_within_a_second_and_only_once():
    ledger = Ledger(spec())
    ledger.want_booking(START_MS + 3)
    due_ms = ledger.due_ms
    assert START_MS + BOOK_EVERY_MS - BEAT_MS <= due_ms <= START_MS + 3 + BOOK_EVERY_MS
    ledger.want_booking(START_MS + 500)
    assert ledger.due_ms == due_ms
    ledger.book(due_ms)
    assert ledger.due_ms == float("inf")


def test_only_time_between_start_and_stop_counts():
    ledger = Ledger(spec(resumes=left()))
    ledger.start_time(START_MS)
    assert ledger.book(START_MS + 1_000).totals.active_ms == 6_000
    ledger.stop_time(START_MS + 1_500)
    assert ledger.book(START_MS + 9_000).totals.active_ms == 6_500
    ledger.start_time(START_MS + 9_000)
    assert ledger.book(START_MS + 9_100).totals.active_ms == 6_600


def test_the_plan_is_used_up_by_what_came_after_the_reading():
    ledger = Ledger(spec())
    booked = ledger.book(START_MS)
    ledger.read(QuotaRead(booked.sequence, 10, 10))
    assert not ledger.is_exhausted
    ledger.meter.totals.audio += 10
    assert ledger.is_exhausted
