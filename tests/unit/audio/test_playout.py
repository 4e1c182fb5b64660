import itertools

import numpy as np
import pytest

from voicehub.audio.clock import SAMPLES_PER_MS as MS
from voicehub.audio.playout import ITEMS_MAX, Playout


def sound(value, duration_ms):
    return np.full(duration_ms * MS, value, np.int16)


def written(playout, until_ms, start_ms=0):
    """What is heard, as (value, from ms, to ms)."""
    out = np.zeros((until_ms - start_ms) * MS, np.int16)
    playout.write_into(out, start_ms * MS)
    edges = [0, *(np.flatnonzero(np.diff(out)) + 1).tolist(), len(out)]
    return [
        (int(out[first]), start_ms + first / MS, start_ms + stop / MS)
        for first, stop in itertools.pairwise(edges)
        if out[first]
    ]


def span_ms(playout, item_id):
    span = playout.span(item_id)
    return span.start / MS, span.end / MS


def test_audio_that_comes_early_is_laid_back_to_back():
    playout = Playout()
    for number in range(10):
        playout.add("a", sound(1 + number, 100), position=(50 + number) * MS)
    assert written(playout, 2000) == [
        (1 + number, 50 + 100 * number, 150 + 100 * number) for number in range(10)
    ]
    assert span_ms(playout, "a") == (50, 1050)


def test_after_an_underrun_audio_is_heard_when_it_comes():
    playout = Playout()
    playout.add("a", sound(1, 100), 0)
    playout.add("a", sound(2, 100), 300 * MS)
    assert written(playout, 500) == [(1, 0, 100), (2, 300, 400)]
    assert span_ms(playout, "a") == (0, 400)


def test_the_next_item_is_heard_after_the_last():
    playout = Playout()
    playout.add("a", sound(1, 500), 0)
    playout.add("b", sound(2, 500), 10 * MS)
    assert span_ms(playout, "b") == (500, 1000)
    assert playout.end == 1000 * MS


def test_blocks_cut_nothing_out():
    playout = Playout()
    playout.add("a", np.arange(1, 24_001, dtype=np.int16), 7)
    out = np.zeros(30_000, np.int16)
    for start in range(0, 30_000, 1_000):
        playout.write_into(out[start : start + 1_000], start)
    assert np.array_equal(out[7:24_007], np.arange(1, 24_001))
    assert not out[:7].any()
    assert not out[24_007:].any()


def test_audio_is_never_laid_before_what_is_written():
    playout = Playout()
    written(playout, 1000)
    playout.add("a", sound(1, 100), 400 * MS)
    assert written(playout, 2000, 1000) == [(1, 1000, 1100)]


def test_barge_in_cuts_what_is_not_yet_heard():
    playout = Playout()
    playout.add("a", sound(1, 500), 0)
    playout.add("b", sound(2, 500), 0)
    playout.add("c", sound(3, 500), 0)
    assert playout.cut(700 * MS) == ["b", "c"]
    assert written(playout, 2000) == [(1, 0, 500), (2, 500, 700)]
    assert span_ms(playout, "a") == (0, 500)
    assert span_ms(playout, "b") == (500, 700)
    assert span_ms(playout, "c") == (1000, 1000)


def test_nothing_is_cut_that_was_heard():
    playout = Playout()
    playout.add("a", sound(1, 500), 0)
    assert playout.cut(500 * MS) == []
    assert playout.cut(900 * MS) == []


def test_the_next_reply_begins_after_the_cut():
    playout = Playout()
    playout.add("a", sound(1, 5000), 0)
    playout.cut(1000 * MS)
    playout.add("b", sound(2, 500), 1800 * MS)
    assert written(playout, 3000) == [(1, 0, 1000), (2, 1800, 2300)]


def test_what_is_written_cannot_be_cut():
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    assert written(playout, 600) == [(1, 0, 600)]
    assert playout.cut(300 * MS) == ["a"]
    assert written(playout, 1200, 600) == []
    assert span_ms(playout, "a") == (0, 600)


def test_truncate_before_the_cut_takes_more_away():
    playout = Playout()
    playout.add("a", sound(1, 5000), 0)
    playout.cut(1000 * MS)
    assert playout.truncate("a", 800) == ["a"]
    assert written(playout, 2000) == [(1, 0, 800)]
    assert span_ms(playout, "a") == (0, 800)


def test_truncate_after_the_cut_brings_nothing_back():
    playout = Playout()
    playout.add("a", sound(1, 5000), 0)
    playout.cut(1000 * MS)
    assert playout.truncate("a", 1200) == ["a"]
    assert written(playout, 2000) == [(1, 0, 1000)]
    assert span_ms(playout, "a") == (0, 1000)


def test_truncate_of_chunks_counts_from_the_items_start():
    playout = Playout()
    for _ in range(10):
        playout.add("a", sound(1, 100), 30 * MS)
    assert playout.truncate("a", 450) == ["a"]
    assert written(playout, 2000) == [(1, 30, 480)]
    assert span_ms(playout, "a") == (30, 480)


def test_truncate_silences_what_was_queued_behind_the_item():
    playout = Playout()
    for item_id, value in (("a", 1), ("b", 2), ("c", 3)):
        playout.add(item_id, sound(value, 500), 0)
        playout.add(item_id, sound(value, 500), 0)
    assert playout.truncate("b", 300) == ["b", "c"]
    assert written(playout, 4000) == [(1, 0, 1000), (2, 1000, 1300)]
    assert span_ms(playout, "a") == (0, 1000)
    assert span_ms(playout, "c") == (2000, 2000)


def test_truncate_of_an_earlier_reply_leaves_a_later_one():
    playout = Playout()
    playout.add("a", sound(1, 5000), 0)
    playout.cut(1000 * MS)
    playout.add("b", sound(2, 500), 1100 * MS)
    assert playout.truncate("a", 700) == ["a"]
    assert written(playout, 2000) == [(1, 0, 700), (2, 1100, 1600)]


def test_truncate_of_what_is_written_corrects_the_span_alone():
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    written(playout, 2000)
    assert playout.truncate("a", 600) == ["a"]
    assert span_ms(playout, "a") == (0, 600)
    playout.add("b", sound(2, 100), 2000 * MS)
    assert written(playout, 3000, 2000) == [(2, 2000, 2100)]


def test_truncate_after_an_underrun_counts_what_was_heard():
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    playout.add("a", sound(2, 1000), 1500 * MS)
    assert playout.truncate("a", 1200) == ["a"]
    assert span_ms(playout, "a") == (0, 1700)
    assert playout.truncate("a", 400) == ["a"]
    assert written(playout, 3000) == [(1, 0, 400)]
    assert span_ms(playout, "a") == (0, 400)


def test_truncate_within_a_half_written_piece():
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    assert written(playout, 300) == [(1, 0, 300)]
    playout.truncate("a", 500)
    assert written(playout, 1000, 300) == [(1, 300, 500)]


def test_truncate_to_nothing():
    playout = Playout()
    playout.add("a", sound(1, 1000), 100 * MS)
    assert playout.truncate("a", 0) == ["a"]
    assert written(playout, 2000) == []
    assert span_ms(playout, "a") == (100, 100)


@pytest.mark.parametrize("heard_ms", [1000, 2000])
def test_truncate_at_the_end_or_of_a_stranger_changes_nothing(heard_ms):
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    assert playout.truncate("a", heard_ms) == []
    assert playout.truncate("b", heard_ms) == []
    assert written(playout, 2000) == [(1, 0, 1000)]


def test_what_comes_of_an_item_after_it_was_stopped_is_not_heard():
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    assert playout.stop("a", 400) == ["a"]
    playout.add("a", sound(2, 1000), 500 * MS)
    playout.add("b", sound(3, 100), 600 * MS)
    assert playout.stop("a", 300) == ["a"]
    assert written(playout, 3000) == [(1, 0, 300), (3, 600, 700)]
    assert span_ms(playout, "a") == (0, 300)


def test_an_item_that_was_heard_as_far_as_it_came_goes_on():
    playout = Playout()
    playout.add("a", sound(1, 1000), 0)
    assert playout.stop("a", 1000) == []
    playout.add("a", sound(2, 500), 1000 * MS)
    assert written(playout, 3000) == [(1, 0, 1000), (2, 1000, 1500)]


def test_old_items_are_forgotten_but_still_heard():
    playout = Playout()
    for number in range(ITEMS_MAX + 1):
        playout.add(f"item {number}", sound(1, 10), 0)
    assert playout.span("item 0") is None
    assert playout.truncate("item 0", 1) == []
    assert playout.cut(0)[0] == "item 0"
