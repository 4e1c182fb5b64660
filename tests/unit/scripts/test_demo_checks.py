import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[3] / "scripts/demo_checks.py"


@pytest.fixture(scope="module")
def checks():
    spec = importlib.util.spec_from_file_location("demo_checks", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo_checks"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["demo_checks"]


def noise(seed: int, duration_ms: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, duration_ms * 24).astype(np.int16)


def channel(*clips: tuple[np.ndarray, int], duration_ms: int = 10_000) -> np.ndarray:
    out = np.zeros(duration_ms * 24, np.int16)
    for clip, start_ms in clips:
        out[start_ms * 24 : start_ms * 24 + len(clip)] = clip
    return out


def test_a_clip_is_found_where_it_lies(checks):
    clip = noise(1, 500)
    found = checks.find(clip, channel((clip, 3120)), 3000)
    assert found.lag_ms == 120
    assert found.likeness == pytest.approx(1)


def test_a_clip_that_is_not_there_is_not_alike(checks):
    assert checks.find(noise(1, 500), channel((noise(2, 500), 3000)), 3000).likeness < 0.2
    assert checks.find(noise(1, 500), channel(), 3000).likeness == 0
    assert checks.find(noise(1, 500), channel(duration_ms=100), 50).likeness == 0


def test_the_caller_must_keep_one_offset(checks):
    first, second = noise(1, 400), noise(2, 400)
    said = [(first, 1000), (second, 8000)]
    steady, offset_ms = checks.caller_check(said, channel((first, 1050), (second, 8060)))
    assert steady.holds
    assert offset_ms == 50
    drifted, _ = checks.caller_check(said, channel((first, 1050), (second, 8071)))
    assert not drifted.holds


def test_the_agent_must_lie_where_it_was_heard(checks):
    reply = noise(3, 600)
    assert checks.agent_check([(reply, 2000)], channel((reply, 2100)), 0).holds
    assert not checks.agent_check([(reply, 2000)], channel((reply, 2200)), 0).holds
    assert checks.agent_check([(reply, 2000)], channel((reply, 2200)), 150).holds


def test_the_agent_must_be_silent_after_barge_in(checks):
    right = channel((noise(3, 1000), 1000), (noise(4, 1000), 5000))
    assert checks.barge_in_check(right, 1900, 5000).holds
    assert not checks.barge_in_check(right, 1700, 5000).holds
    assert not checks.barge_in_check(right, 5000, 5000).holds


def test_words_are_counted_wrong_once_each(checks):
    assert checks.words_check(["one two three four five"], ["One, two, three; four five!"]).holds
    check = checks.words_check(["one two three four"], ["one too three"])
    assert not check.holds
    assert check.measured == "50% wrong (under 25 %)"


def test_every_line_needs_its_time(checks):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    near, far = (start + timedelta(milliseconds=ms) for ms in (299, 301))
    assert checks.timestamps_check([start], [near]).holds
    assert not checks.timestamps_check([start], [far]).holds
    assert not checks.timestamps_check([start, start], [near]).holds


def test_tokens_agree_exactly_or_not(checks):
    assert checks.tokens_check(10, 10.0, 10.0).holds
    assert not checks.tokens_check(10, 10.0, 11.0).holds


def test_speech_begins_and_ends_inside_its_clip(checks):
    clip = channel((noise(5, 100), 50), duration_ms=300)
    assert checks.onset_ms(clip) == pytest.approx(50, abs=2)
    assert checks.end_ms(clip) == pytest.approx(150, abs=2)
