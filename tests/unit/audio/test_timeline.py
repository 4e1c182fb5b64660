import sys

import numpy as np
import pytest

from tests.callers import PER_MS, Caller, spoken
from voicehub.audio.timeline import (
    BLOCK_MS_MAX,
    BLOCK_MS_MIN,
    SETTLE_MS,
    Timeline,
)

HOUR_S = 3600


def agent(duration_ms, value=7):
    return np.full(round(duration_ms * PER_MS), value, np.int16)


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_an_hour_on_a_device_whose_crystal_is_off(ppm):
    """The caller is whole, and the agent stands where it was heard, from start to end."""
    caller = Caller(chunk_ms=1000, rate=1 + ppm / 1e6, start_ms=123_456.0)
    caller.keep_right = False
    worst_ms = 0.0
    for minute in range(60):
        caller.speak(60_000)
        arrives_ms = caller.now_ms + 0.4
        item_id = f"reply {minute}"
        caller.timeline.add_agent(item_id, agent(2_000), arrives_ms)
        start_ms, end_ms = caller.timeline.agent_span_ms(item_id)
        assert end_ms - start_ms == 2_000
        # The caller's sample that is being spoken while the agent's audio arrives.
        spoken_ms = (arrives_ms - caller.start_ms) * (1 + ppm / 1e6)
        worst_ms = max(worst_ms, abs(start_ms - spoken_ms))
    caller.hang_up()
    # Before the first word there may be the fifth of a millisecond that its second was longer.
    assert sum(caller.silences) < PER_MS
    assert worst_ms < 20
    assert caller.recorded == HOUR_S * 24_000


def test_both_sides_stay_within_20_ms_through_mutes_and_stalls():
    caller = Caller(chunk_ms=20)
    last_ms = 0.0
    for number in range(20):
        caller.speak(7_000)
        caller.mute(1_000 + 137 * number)
        caller.speak(3_000)
        until_ms = caller.now_ms + 40 * number
        caller.speak(2_000, lambda until_ms=until_ms: max(0.0, until_ms - caller.now_ms))
        caller.timeline.add_agent(str(number), agent(500), caller.now_ms)
        start_ms, _ = caller.timeline.agent_span_ms(str(number))
        place_ms = caller.timeline.input_position_ms(caller.sent / PER_MS)
        assert abs(start_ms - place_ms) < 20
        assert abs(start_ms - caller.now_ms) < 20
        assert start_ms > last_ms
        last_ms = start_ms
    caller.hang_up()
    assert len(caller.silences) == 20


def test_the_agent_is_on_the_right_where_it_came_and_cut_where_the_caller_spoke():
    caller = Caller()
    caller.speak(5_000)
    for part in range(50):  # five seconds of audio, ten times faster than they are heard
        caller.timeline.add_agent("a", agent(100, 1 + part), caller.now_ms)
    caller.speak(2_000)
    assert caller.timeline.agent_is_heard(caller.now_ms)
    assert caller.timeline.cut_agent(caller.now_ms) == ["a"]
    assert not caller.timeline.agent_is_heard(caller.now_ms)
    caller.speak(3_000)
    caller.hang_up()
    right = np.concatenate([sound for _, sound in caller.heard])
    assert caller.heard[0][0] == 5_000 * PER_MS
    assert np.array_equal(right, np.repeat(np.arange(1, 21), 2_400))


def test_a_block_is_taken_once_it_is_settled_and_worth_it():
    timeline = Timeline(0)
    timeline.add_user(spoken(0, 4_800), 200)
    # The last chunk's own length is waited for besides.
    assert timeline.settled(SETTLE_MS + BLOCK_MS_MIN + 199) == []
    (block,) = timeline.settled(SETTLE_MS + BLOCK_MS_MIN + 200)
    assert block.shape == (BLOCK_MS_MIN * PER_MS, 2)
    assert timeline.settled(SETTLE_MS + BLOCK_MS_MIN + 200) == []


def test_blocks_are_bounded_after_a_long_silence():
    timeline = Timeline(0)
    blocks = timeline.settled(3 * BLOCK_MS_MAX + SETTLE_MS + 10)
    assert [len(block) for block in blocks] == [
        *[BLOCK_MS_MAX * PER_MS] * 3,
        10 * PER_MS,
    ]


def test_every_sample_is_taken_exactly_once():
    caller = Caller(chunk_ms=20)
    caller.speak(30_000)
    assert 0 <= caller.now_ms - caller.length / PER_MS <= SETTLE_MS + BLOCK_MS_MIN + 520
    caller.hang_up()
    assert caller.length == 30_000 * PER_MS


def test_the_rest_holds_what_was_said_and_not_what_was_never_heard():
    caller = Caller()
    caller.speak(3_000)
    caller.timeline.add_agent("a", agent(60_000), caller.now_ms)
    caller.speak(1_000)
    caller.hang_up()
    assert caller.length == 4_000 * PER_MS
    assert sum(len(sound) for _, sound in caller.heard) == 1_000 * PER_MS
    assert caller.timeline.agent_span_ms("a") == (3_000, 4_000)


def test_the_rest_includes_audio_that_was_still_being_judged():
    caller = Caller()
    caller.speak(3_000)
    caller.mute(2_000)
    caller.speak(200)
    caller.hang_up()
    assert caller.silences == [2_000 * PER_MS]
    assert caller.length == 5_200 * PER_MS


def test_the_rest_of_a_session_without_sound_is_silence():
    timeline = Timeline(1_000)
    assert timeline.rest(1_000) == []
    timeline = Timeline(1_000)
    (block,) = timeline.rest(3_000)
    assert block.shape == (2_000 * PER_MS, 2)
    assert not block.any()


def test_an_item_without_audio_has_no_place():
    timeline = Timeline(0)
    assert timeline.agent_span_ms("a") is None
    assert timeline.truncate_agent("a", 10) == []
    assert not timeline.agent_is_heard(100)


def test_an_hour_takes_no_more_memory_than_a_minute():
    caller = Caller(chunk_ms=1000)
    caller.keep_right = False

    def minutes(count):
        for _ in range(count):
            caller.speak(50_000)
            for part in range(50):
                caller.timeline.add_agent(f"{caller.sent} {part % 3}", agent(100), caller.now_ms)
            caller.mute(10_000)

    minutes(2)
    early = _size(caller.timeline)
    minutes(58)
    # Places of the last items are remembered: a bounded number of small objects.
    assert _size(caller.timeline) - early < 200_000


def _size(thing, seen=None):
    """Bytes of everything that `thing` holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    size = sys.getsizeof(thing)
    if isinstance(thing, np.ndarray):
        return size + (0 if thing.base is None else _size(thing.base, seen))
    inner = []
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif hasattr(thing, "__dict__"):
        inner = list(vars(thing).values())
    elif hasattr(thing, "__slots__"):
        inner = [getattr(thing, name) for name in thing.__slots__]
    elif hasattr(thing, "__iter__") and not isinstance(thing, str | bytes):
        inner = list(thing)
    return size + sum(_size(each, seen) for each in inner)
