import numpy as np
import pytest

from voicehub.client import source
from voicehub.client.source import Script


async def test_clips_follow_one_another_and_report_where_they_ended():
    script = Script()
    assert script.take(4).tolist() == [0, 0, 0, 0]
    first = script.say(np.full(3, 1, np.int16))
    second = script.say(np.full(2, 2, np.int16))
    assert script.take(4).tolist() == [1, 1, 1, 2]
    assert first.result() == 7
    assert not second.done()
    assert script.take(4).tolist() == [2, 0, 0, 0]
    assert second.result() == 9


async def test_a_clip_that_nobody_waits_for_any_more_is_still_spoken():
    script = Script()
    script.say(np.full(2, 1, np.int16)).cancel()
    assert script.take(3).tolist() == [1, 1, 0]


async def test_a_script_that_is_held_is_silent_and_goes_on_where_it_was():
    script = Script()
    ended = script.say(np.full(3, 1, np.int16))
    assert script.take(1).tolist() == [1]
    script.is_held = True
    assert script.take(2).tolist() == [0, 0]
    script.is_held = False
    assert script.take(3).tolist() == [1, 1, 0]
    assert ended.result() == 5


async def test_an_endless_script_is_refused(monkeypatch):
    monkeypatch.setattr(source, "CLIPS_MAX", 1)
    script = Script()
    script.say(np.zeros(1, np.int16))
    with pytest.raises(ValueError, match="More than 1 clips"):
        script.say(np.zeros(1, np.int16))
