import random

import numpy as np
import pytest

from tests.callers import PER_MS, Caller, spoken
from voicehub.audio.caller import ANCHORS_MAX, HOLD_MS, CallerTrack
from voicehub.audio.clock import SampleClock


@pytest.mark.parametrize("chunk_ms", [20, 100, 200])
@pytest.mark.parametrize("jitter_ms", [15, 80, 400])
def test_a_steady_caller_on_an_unsteady_network_is_whole(chunk_ms, jitter_ms):
    delay = random.Random(f"{chunk_ms} {jitter_ms}")
    caller = Caller(chunk_ms=chunk_ms)
    caller.speak(60_000, lambda: delay.uniform(0, jitter_ms))
    caller.hang_up()
    assert caller.silences in ([], [pytest.approx(0, abs=(jitter_ms + 1) * PER_MS)])


@pytest.mark.parametrize("stall_ms", [300, 600, 900])
def test_a_stalled_network_leaves_no_gap(stall_ms):
    caller = Caller(chunk_ms=20)
    caller.speak(3_000)
    until_ms = caller.now_ms + stall_ms
    caller.speak(3_000, lambda: max(0.0, until_ms - caller.now_ms))
    caller.speak(3_000)
    caller.hang_up()
    assert caller.silences == []


def test_a_stall_beyond_all_patience_loses_nothing():
    caller = Caller(chunk_ms=20)
    caller.speak(3_000)
    until_ms = caller.now_ms + 7_000
    caller.speak(10_000, lambda: max(0.0, until_ms - caller.now_ms))
    caller.hang_up()
    assert len(caller.silences) == 1


@pytest.mark.parametrize("chunk_ms", [20, 100, 200])
@pytest.mark.parametrize("mute_ms", [1_000, 1_337, 2_500, 10_000])
def test_a_mute_is_silence_of_its_length(chunk_ms, mute_ms):
    caller = Caller(chunk_ms=chunk_ms)
    caller.speak(4_000)
    caller.mute(mute_ms)
    caller.speak(6_000)
    caller.hang_up()
    assert caller.silences == [pytest.approx(mute_ms * PER_MS, abs=20 * PER_MS)]


def test_a_mute_on_an_unsteady_network_is_silence_of_about_its_length():
    delay = random.Random(3)
    caller = Caller(chunk_ms=20)
    caller.speak(20_000, lambda: delay.uniform(0, 50))
    caller.mute(3_000)
    caller.speak(20_000, lambda: delay.uniform(0, 50))
    caller.hang_up()
    assert sum(caller.silences) == pytest.approx(3_000 * PER_MS, abs=70 * PER_MS)


@pytest.mark.parametrize("mute_ms", [15, 30, 70, 300])
def test_mutes_too_short_to_show_do_not_add_up(mute_ms):
    caller = Caller(chunk_ms=20)
    for _ in range(100):
        caller.speak(3_000)
        caller.mute(mute_ms)
    caller.speak(3_000)
    caller.hang_up()
    muted_ms, drift_ms = 100 * mute_ms, 300_000 * 500e-6
    missing_ms = muted_ms - sum(caller.silences) / PER_MS
    assert -1 <= missing_ms <= 20 + drift_ms
    if mute_ms > 20:
        assert missing_ms <= 20


def test_a_caller_who_sends_somewhat_too_slowly_keeps_the_servers_time():
    """A client that sleeps 100 ms between chunks of 100 ms is a percent behind."""
    caller = Caller(chunk_ms=100, rate=0.99)
    caller.speak(120_000)
    caller.hang_up()
    assert caller.length / PER_MS == pytest.approx(caller.arrived_ms, abs=150)


def test_audio_after_a_long_wait_stands_where_it_came():
    caller = Caller()
    caller.mute(30_000)
    caller.speak(2_000)
    caller.hang_up()
    assert caller.silences == [30_000 * PER_MS]


def test_a_single_chunk_after_a_mute_is_placed_when_its_time_is_up():
    caller = Caller()
    caller.speak(2_000)
    caller.mute(5_000)
    caller.speak(100)
    caller.mute(5_000)
    caller.arrived_ms = caller.now_ms
    caller.hang_up()
    assert caller.silences == [5_000 * PER_MS]
    assert caller.length == 12_100 * PER_MS


def test_a_mute_that_begins_while_audio_is_held_stands_behind_it():
    caller = Caller(chunk_ms=100)
    caller.speak(2_000)
    caller.speak(300, lambda: 150.0)
    caller.mute(950)
    caller.speak(4_000)
    caller.hang_up()
    assert caller.silences == [pytest.approx(950 * PER_MS, abs=20 * PER_MS)]


def test_a_file_pushed_at_once_is_whole():
    caller = Caller(chunk_ms=100)
    for _ in range(600):
        caller.send(1.0)
    caller.hang_up()
    assert caller.silences in ([], [24])


def test_a_prebuffer_and_then_real_time_is_whole():
    caller = Caller(chunk_ms=20)
    for _ in range(50):
        caller.send(0.0)
    caller.speak(10_000)
    caller.hang_up()
    assert caller.silences == []


def test_odd_sizes_of_chunks_change_nothing():
    sizes = random.Random(11)
    clock = SampleClock(0)
    track = CallerTrack(clock)
    sent = 0
    while sent < 240_000:
        size = sizes.randint(1, 4_000)
        track.add(spoken(sent, size), (sent + size) / PER_MS)
        sent += size
    out = np.zeros(sent, np.int16)
    track.write_into(out, 0)
    assert np.array_equal(out, spoken(0, sent))


def test_empty_chunks_are_harmless():
    track = CallerTrack(SampleClock(0))
    for now_ms in range(0, 5_000, 10):
        track.add(np.empty(0, np.int16), now_ms)
    track.settle(10_000)
    assert track.received == 0


def test_input_is_found_where_it_stands_across_gaps():
    caller = Caller(chunk_ms=100)
    caller.mute(500)
    caller.speak(2_000)
    caller.mute(3_000)
    caller.speak(4_000)
    timeline = caller.timeline
    assert timeline.input_ms == 6_000
    assert timeline.input_position_ms(0) == 500
    assert timeline.input_position_ms(1_900) == 2_400
    assert timeline.input_position_ms(2_100) == pytest.approx(5_600, abs=20)
    assert timeline.input_position_ms(6_000) == pytest.approx(9_500, abs=20)


def test_input_is_found_behind_a_gap_that_is_still_being_judged():
    """Speech right after a mute starts within a second of it: its line must not stand before."""
    caller = Caller(chunk_ms=100)
    caller.speak(2_000)
    caller.mute(3_000)
    caller.speak(300)
    assert caller.timeline.input_ms == 2_300
    assert caller.timeline.input_position_ms(2_100) == pytest.approx(5_100, abs=20)


def test_old_anchors_are_forgotten_and_the_oldest_position_is_given():
    caller = Caller(chunk_ms=100)
    for _ in range(ANCHORS_MAX + 10):
        caller.speak(200)
        caller.mute(2_000)
    caller.take(caller.now_ms + HOLD_MS)
    track = caller.timeline._caller
    assert len(track._anchors) == ANCHORS_MAX
    assert track.position_of(0) == track._anchors[0][1]
    assert track.position_of(track.received) == track.end
