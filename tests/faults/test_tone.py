"""The counting voice, counted."""

import numpy as np
import pytest

from tests.faults import tone


def recorded(first, count):
    return np.frombuffer(tone.voice(first, count), "<i2")


def test_a_whole_recording_misses_nothing():
    silence = np.zeros(5000, np.int16)
    left = np.concatenate([silence, recorded(0, 30), silence, recorded(30, 70)])
    assert tone.heard(left, 100) == tone.Heard(0, 0, 0, ())


def test_what_is_missing_is_counted_gap_by_gap():
    left = np.concatenate([recorded(0, 10), recorded(20, 10)[120:], recorded(30, 10)])
    found = tone.heard(left, 50)
    assert found.missing_ms == pytest.approx(205)
    assert found.gaps_ms == pytest.approx((105, 100))
    assert found.doubled_ms == 0


def test_what_is_there_twice_is_counted():
    left = np.concatenate([recorded(0, 10), recorded(5, 10)])
    assert tone.heard(left, 15).doubled_ms == pytest.approx(50)


def test_other_sound_is_strange():
    assert tone.heard(np.full(240, 9000, np.int16), 10).strange_ms == pytest.approx(10)


def test_numbers_go_on_where_values_begin_again():
    left = np.concatenate([recorded(tone.PERIOD - 50, 50), recorded(tone.PERIOD, 50)])
    found = tone.heard(left, tone.PERIOD + 50)
    assert found.strange_ms == 0
    assert found.missing_ms == pytest.approx((tone.PERIOD - 50) * 10)


def test_an_empty_recording_misses_all():
    assert tone.heard(np.zeros(0, np.int16), 10).missing_ms == pytest.approx(100)
