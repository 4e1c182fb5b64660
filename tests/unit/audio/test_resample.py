import numpy as np
import pytest

from voicehub.audio.resample import Resampler, to_float, to_int16

RATES = [(24_000, 16_000), (24_000, 8_000), (8_000, 24_000), (16_000, 24_000), (48_000, 24_000)]


def tone(hz, rate_hz, seconds=0.5):
    return np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz).astype(np.float32)


def resampled(samples, from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate((resampler(samples), resampler.flush()))


def decibels(ratio):
    return 20 * np.log10(ratio)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("share_of_band", [0.02, 0.3, 0.75])
def test_a_tone_keeps_its_shape_and_its_place_in_time(from_hz, to_hz, share_of_band):
    hz = share_of_band * min(from_hz, to_hz) / 2
    output = resampled(tone(hz, from_hz), from_hz, to_hz)
    expected = tone(hz, to_hz)
    assert len(output) == len(expected)
    inside = slice(200, -200)
    error = np.std(output[inside] - expected[inside]) / np.std(expected[inside])
    assert decibels(error) < -50


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in RATES if pair[0] > pair[1]])
def test_what_the_slower_rate_cannot_hold_is_gone(from_hz, to_hz):
    output = resampled(tone(0.6 * to_hz, from_hz), from_hz, to_hz)[200:-200]
    assert decibels(np.std(output) * np.sqrt(2)) < -85


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_the_delay_is_constant_and_at_most_two_milliseconds(from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    assert resampler.delay_ms <= 2
    given = received = 0
    for size in (from_hz // 100,) * 20:
        received += size
        given += len(resampler(np.zeros(size, np.float32)))
        held_ms = 1000 * (received / from_hz - given / to_hz)
        assert resampler.delay_ms - 1000 / to_hz <= held_ms <= resampler.delay_ms + 1000 / to_hz


def test_after_a_flush_it_starts_anew():
    resampler = Resampler(24_000, 16_000)
    first = np.concatenate((resampler(tone(440, 24_000)), resampler.flush()))
    second = np.concatenate((resampler(tone(440, 24_000)), resampler.flush()))
    assert np.array_equal(first, second)


def test_flushing_nothing_gives_nothing():
    assert len(Resampler(24_000, 8_000).flush()) == 0


def test_what_is_too_loud_is_clipped():
    assert to_int16(np.array([-2, -1, 0, 0.5, 1, 2], np.float32)).tolist() == [
        -32768,
        -32768,
        0,
        16384,
        32767,
        32767,
    ]


def test_every_sample_survives_the_way_to_floats_and_back():
    every = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(to_int16(to_float(every)), every)
