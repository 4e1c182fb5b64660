import pytest

from voicehub.audio.clock import SAMPLES_PER_MS, SampleClock

START_MS = 50_000.0


def test_positions_begin_with_the_session_and_follow_the_servers_time():
    clock = SampleClock(START_MS)
    assert clock.position(START_MS) == 0
    assert clock.position(START_MS + 1000) == 24_000
    assert clock.position(START_MS - 10) == 0


def test_lag_is_how_late_a_chunk_is():
    clock = SampleClock(START_MS)
    assert clock.lag(2400, START_MS + 100) == 0
    assert clock.lag(2400, START_MS + 130) == 30 * SAMPLES_PER_MS
    assert clock.lag(2400, START_MS + 90) == -10 * SAMPLES_PER_MS


def test_a_chunk_before_its_time_sets_the_clock_at_once():
    clock = SampleClock(0)
    clock.arrived(2400, 100)
    clock.arrived(7200, 200)
    assert clock.position(200) == 7200


def test_a_late_chunk_does_not_set_the_clock():
    clock = SampleClock(0)
    clock.arrived(2400, 100)
    clock.arrived(4800, 500)
    assert clock.position(500) == pytest.approx(12_000, abs=5)


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_device_whose_crystal_is_off_is_followed_for_an_hour(ppm):
    clock = SampleClock(0)
    for second in range(1, 3601):
        now_ms = second * 1000 / (1 + ppm / 1e6)
        clock.arrived(second * 24_000, now_ms)
        assert abs(clock.position(now_ms) - second * 24_000) <= 3 * SAMPLES_PER_MS


def test_a_delay_that_comes_at_once_is_not_followed_like_drift():
    """Else the silence of a mute too short to show would be lost, again and again."""
    clock = SampleClock(0)
    clock.arrived(2400, 100)
    for number in range(2, 602):
        clock.arrived(number * 2400, number * 100 + 15)
    assert clock.lag(602 * 2400, 602 * 100 + 15) == 0, "15 ms are within the drift of a minute"

    clock = SampleClock(0)
    clock.arrived(2400, 100)
    for number in range(2, 602):
        clock.arrived(number * 2400, number * 100 + 70)
    assert clock.lag(602 * 2400, 602 * 100 + 70) > 40 * SAMPLES_PER_MS


def test_time_never_runs_backwards():
    clock = SampleClock(0)
    last = 0
    for number in range(1, 1000):
        now_ms = number * 100 + (number * 7919 % 400)
        clock.arrived(number * 2400, now_ms)
        assert clock.position(number * 100) >= last
        last = clock.position(number * 100)
