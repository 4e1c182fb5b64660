"""Whatever a caller, a network and an agent do, the recording keeps every word in its place."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.callers import PER_MS, Caller
from voicehub.audio.clock import DRIFT_PPM_MAX
from voicehub.audio.timeline import BLOCK_MS_MAX

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("speak"), st.integers(100, 5_000)),
        st.tuples(st.just("mute"), st.integers(1, 12_000)),
        st.tuples(st.just("stall"), st.integers(1, 6_000)),
        st.tuples(st.just("push"), st.integers(1, 40)),
        st.tuples(st.just("reply"), st.integers(1, 8_000)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("truncate"), st.integers(0, 9_000)),
    ),
    max_size=30,
)


def _play(caller, kind, amount, number):
    timeline = caller.timeline
    if kind == "speak":
        caller.speak(amount)
    elif kind == "mute":
        caller.mute(amount)
    elif kind == "stall":
        until_ms = caller.now_ms + amount
        caller.speak(amount, lambda: max(0.0, until_ms - caller.now_ms))
    elif kind == "push":
        for _ in range(amount):
            caller.send(caller.now_ms)
    elif kind == "reply":
        now_ms = max(caller.now_ms, caller.arrived_ms)
        for start in range(0, amount, 100):
            size = min(100, amount - start) * PER_MS
            timeline.add_agent(f"item {number}", np.full(size, 1 + number, np.int16), now_ms)
    elif kind == "cut":
        timeline.cut_agent(max(caller.now_ms, caller.arrived_ms))
    else:
        timeline.truncate_agent(f"item {number - 1}", amount)


@settings(max_examples=150, deadline=None)
@given(
    steps=STEPS,
    chunk_ms=st.sampled_from([10, 20, 100, 250]),
    rate=st.sampled_from([0.99, 0.9998, 1.0, 1.0002, 1.01]),
)
def test_every_sample_is_recorded_once_in_order_and_agent_audio_only_in_order(
    steps, chunk_ms, rate
):
    caller = Caller(chunk_ms=chunk_ms, rate=rate, start_ms=1e9)
    for number, (kind, amount) in enumerate(steps):
        _play(caller, kind, amount, number)
    caller.arrived_ms = max(caller.arrived_ms, caller.now_ms)
    caller.hang_up()  # every sample once, in order: checked by the caller as it comes
    elapsed_ms = caller.arrived_ms - caller.start_ms
    drift_ms = elapsed_ms * DRIFT_PPM_MAX / 1_000_000  # by which the clock may follow the device
    assert caller.length / PER_MS >= elapsed_ms - drift_ms - 1
    right = [int(value) for _, sound in caller.heard for value in np.unique(sound[sound != 0])]
    # A block may hold the end of one item and the start of the next; the order is kept.
    assert right == sorted(right)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    jitter_ms=st.integers(0, 400),
    chunk_ms=st.sampled_from([20, 40, 100, 200]),
    shape=st.sampled_from(["uniform", "spikes", "exponential"]),
)
def test_a_steady_caller_is_whole_on_any_network(seed, jitter_ms, chunk_ms, shape):
    dice = random.Random(seed)
    delays = {
        "uniform": lambda: dice.uniform(0, jitter_ms),
        "spikes": lambda: jitter_ms if dice.random() < 0.03 else dice.uniform(0, jitter_ms / 20),
        "exponential": lambda: min(jitter_ms, dice.expovariate(8 / max(1, jitter_ms))),
    }
    caller = Caller(chunk_ms=chunk_ms)
    caller.speak(40_000, delays[shape])
    caller.hang_up()
    # Before the first word, the network's delay of it may be silence.
    assert len(caller.silences) <= 1
    assert sum(caller.silences) <= (jitter_ms + 1) * PER_MS


@settings(max_examples=60, deadline=None)
@given(
    mutes_ms=st.lists(st.integers(1_000, 10_000), min_size=1, max_size=5),
    chunk_ms=st.sampled_from([20, 100, 200]),
    noise_ms=st.sampled_from([0, 5]),
    seed=st.integers(0, 2**32),
)
def test_every_mute_is_silence_of_its_length(mutes_ms, chunk_ms, noise_ms, seed):
    dice = random.Random(seed)
    caller = Caller(chunk_ms=chunk_ms)
    caller.speak(2_000, lambda: dice.uniform(0, noise_ms))
    for mute_ms in mutes_ms:
        caller.mute(mute_ms)
        caller.speak(2_000, lambda: dice.uniform(0, noise_ms))
    caller.hang_up()
    silences_ms = [silence / PER_MS for silence in caller.silences if silence > noise_ms * PER_MS]
    assert len(silences_ms) == len(mutes_ms)
    pairs = zip(silences_ms, mutes_ms, strict=True)
    assert all(abs(silence_ms - mute_ms) <= 20 for silence_ms, mute_ms in pairs)


@given(waits_ms=st.lists(st.integers(0, 60_000), max_size=20))
def test_blocks_are_bounded_and_add_up(waits_ms):
    caller = Caller()
    timeline, now_ms, taken = caller.timeline, 0, 0
    for wait_ms in waits_ms:
        now_ms += wait_ms
        for block in timeline.settled(now_ms):
            assert 0 < len(block) <= BLOCK_MS_MAX * PER_MS
            taken += len(block)
    taken += sum(len(block) for block in timeline.rest(now_ms))
    assert taken == now_ms * PER_MS
