import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.session.heard import DOUBT_MS, MARK_EVERY_MS, MARKS_MAX, MS_PER_CHARACTER_MIN, Heard


def heard(*marks, given_ms, complete=True):
    """An item with marks of (audio in ms, characters before)."""
    item = Heard()
    for mark in marks:
        item.mark(*mark)
    item.is_complete = complete
    item.cut(given_ms, given_ms)
    return item


def test_everything_was_heard_until_something_is_cut():
    assert Heard().share(20) == 20


def test_within_a_piece_text_is_shared_out_evenly():
    item = heard((0, 0), (4_000, 10), given_ms=10_000)
    for heard_ms, characters in ((0, 0), (2_000, 5), (4_000, 10), (7_000, 20), (10_000, 30)):
        item.cut(heard_ms, 10_000)
        assert item.share(30) == pytest.approx(characters)


def test_text_that_comes_all_at_once_is_shared_out_over_all_the_audio():
    item = heard((0, 0), given_ms=10_000)
    item.cut(2_500, 10_000)
    assert item.share(40) == pytest.approx(10)


def test_text_that_comes_after_its_audio_marks_nothing():
    item = heard((10_000, 0), given_ms=10_000)
    item.cut(5_000, 10_000)
    assert item.share(40) == pytest.approx(20)


def test_text_far_ahead_of_its_audio_is_cut_by_its_share_of_it_with_some_doubt():
    # All of the text had come with the first second of ten.
    item = heard((0, 0), (500, 50), (1_000, 95), given_ms=10_000)
    item.cut(3_000, 10_000)
    assert item.share(100) == pytest.approx((3_000 + DOUBT_MS) / 100)


def test_audio_that_broke_off_has_not_spoken_all_its_words():
    item = heard((0, 0), (1_000, 20), given_ms=1_200, complete=False)
    whole_ms = 1_000 + 30 * MS_PER_CHARACTER_MIN
    assert item.share(50) == pytest.approx(20 + 30 * 200 / (whole_ms - 1_000))
    item.is_complete = True
    assert item.share(50) == 50


def test_marks_that_tell_nothing_new_are_not_kept():
    item = Heard()
    assert item.takes_mark(0)
    item.mark(0, 0)
    assert not item.takes_mark(MARK_EVERY_MS - 1)
    for number in range(1, MARKS_MAX):
        assert item.takes_mark(number * MARK_EVERY_MS)
        item.mark(number * MARK_EVERY_MS, number)
    assert not item.takes_mark(10**9)


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 30)), max_size=8),
    st.integers(0, 200),
    st.integers(1, 10_000),
    st.lists(st.integers(0, 12_000), min_size=2, max_size=6),
    st.booleans(),
)
def test_who_hears_more_has_heard_no_fewer_words(steps, length, more_ms, points_ms, complete):
    item, given_ms, characters = Heard(), 0, 0
    item.is_complete = complete
    for step_ms, words in steps:
        item.mark(given_ms, characters)
        given_ms, characters = given_ms + step_ms, characters + words
    given_ms += more_ms
    shares = []
    for heard_ms in sorted(min(point, given_ms) for point in points_ms):
        item.cut(heard_ms, given_ms)
        shares.append(item.share(length))
    assert shares == sorted(shares)
    assert all(0 <= share <= length for share in shares)
