from voicehub.session.metering import Totals
from voicehub.session.quota import UNREAD_MAX, Allowance


def test_without_a_reading_nothing_is_exhausted():
    allowance = Allowance()
    allowance.booked(1, Totals(), 0)
    assert not allowance.exhausted(Totals(audio=10**18, text=10**18), 10**18)


def test_what_is_left_counts_from_the_booking_that_was_read():
    allowance = Allowance()
    allowance.booked(1, Totals(audio=100, text=10), pending_audio=50)
    allowance.read(1, audio_left=30, text_left=5)
    assert not allowance.exhausted(Totals(audio=179, text=14), 0)
    assert not allowance.exhausted(Totals(audio=100, text=14), 79)
    assert allowance.exhausted(Totals(audio=100, text=10), 80)
    assert allowance.exhausted(Totals(audio=180, text=10), 0)
    assert allowance.exhausted(Totals(audio=100, text=15), 0)


def test_nothing_left_is_exhausted_at_once():
    allowance = Allowance()
    allowance.booked(1, Totals(), 0)
    allowance.read(1, 0, 100)
    assert allowance.exhausted(Totals(), 0)


def test_other_sessions_of_the_team_use_the_same_plan():
    allowance = Allowance()
    for sequence, left in ((1, 1_000), (2, 400), (3, 0)):
        allowance.booked(sequence, Totals(audio=10 * sequence), 0)
        allowance.read(sequence, left, 1)
    assert allowance.exhausted(Totals(audio=30), 0)


def test_a_plan_that_grew_is_seen():
    allowance = Allowance()
    allowance.booked(1, Totals(), 0)
    allowance.booked(2, Totals(), 0)
    allowance.read(1, 0, 0)
    allowance.read(2, 100, 100)
    assert not allowance.exhausted(Totals(), 0)


def test_a_reading_that_was_overtaken_or_is_unknown_changes_nothing():
    allowance = Allowance()
    allowance.booked(1, Totals(), 0)
    allowance.booked(2, Totals(), 0)
    allowance.read(2, 100, 100)
    allowance.read(1, 0, 0)
    allowance.read(2, 0, 0)
    allowance.read(99, 0, 0)
    assert not allowance.exhausted(Totals(), 0)


def test_bookings_without_an_answer_are_forgotten():
    allowance = Allowance()
    for sequence in range(1, UNREAD_MAX + 100):
        allowance.booked(sequence, Totals(), 0)
    assert len(allowance._counted) == UNREAD_MAX
    allowance.read(1, 0, 0)
    assert not allowance.exhausted(Totals(), 0)
    allowance.read(UNREAD_MAX + 99, 0, 0)
    assert allowance.exhausted(Totals(), 0)
    assert not allowance._counted
