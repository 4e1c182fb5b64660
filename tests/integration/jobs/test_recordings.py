import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.killed_recorder import RATE_HZ, noise, play
from voicehub.jobs import recordings as module

FRAME = 4096  # libFLAC keeps the samples of a frame that is not full


def silence(ms: int) -> np.ndarray:
    return np.zeros((ms * RATE_HZ // 1000, 2), np.int16)


@pytest.mark.parametrize(("container", "seconds"), [("flac", 4), ("wav", 4)])
async def test_a_killed_owner_on_this_host_loses_nothing_that_it_encoded(scene, container, seconds):
    token = await scene.own()
    played, _ = await scene.killed(token, 1, seconds, container=container)
    await scene.end(rested_s=0)
    assert await scene.close() == 1
    encoded = len(played) if container == "wav" else (len(played) - 1) // FRAME * FRAME
    assert np.array_equal(await scene.heard(), played[:encoded])
    assert list(scene.spool.folder.iterdir()) == []
    assert (await scene.row())["recording"]["key"] == f"{scene.stem(token)}.{container}"


@pytest.mark.parametrize(
    ("container", "seconds", "parts"),
    [("flac", 4, 0), ("flac", 150, 2), ("wav", 4, 0), ("wav", 80, 1)],
)
async def test_a_lost_host_loses_nothing_that_was_on_spaces(
    scene, other_spool, container, seconds, parts
):
    token = await scene.own()
    played, saved = await scene.killed(token, 1, seconds, parts=parts, container=container)
    await scene.end()
    assert await scene.close(other_spool) == 1
    heard = await scene.heard()
    assert len(heard) >= saved > 0
    assert np.array_equal(heard, played[: len(heard)])
    assert (await scene.row())["recording"]["lost_ms"] == 0
    assert list(other_spool.folder.iterdir()) == []


async def test_at_the_pace_of_speech_a_lost_host_loses_less_than_five_seconds(scene, other_spool):
    played, saved = await scene.killed(await scene.own(), 1, 7, paced=True)
    await scene.end()
    assert await scene.close(other_spool) == 1
    heard = await scene.heard()
    assert len(heard) >= max(saved, len(played) - 5 * RATE_HZ)
    assert np.array_equal(heard, played[: len(heard)])


async def test_legs_stand_where_they_began_with_silence_between(scene, other_spool):
    first = await scene.recorded(await scene.own(500), 1, 2.0)
    second, saved = await scene.killed(await scene.own(3_000), 2, 3.0)
    await scene.own(None)  # died before its engine opened
    third = await scene.recorded(await scene.own(9_007), 3, 1.5)
    await scene.own(20_000)  # nothing of it was recorded
    await scene.end()
    assert await scene.close(other_spool) == 1
    heard = await scene.heard()
    at = 24 * 3_000
    kept = next(n for n in range(len(second), 0, -1) if heard[at + n - 1].any())
    assert kept >= saved
    gap = 24 * 9_007 - at - kept
    expected = [silence(500), first, silence(500), second[:kept], np.zeros((gap, 2), np.int16)]
    assert np.array_equal(heard, np.concatenate([*expected, third]))
    assert (await scene.row())["recording"]["lost_ms"] == 1_000 + gap // 24


async def test_a_newer_owner_is_heard_from_where_it_began(scene):
    first = await scene.recorded(await scene.own(0), 1, 3.0)
    second = await scene.recorded(await scene.own(1_500), 2, 1.0)
    third = await scene.recorded(await scene.own(2_000), 3, 1.0)
    await scene.end()
    assert await scene.close() == 1
    expected = np.concatenate([first[: 24 * 1_500], second[: 24 * 500], third])
    assert np.array_equal(await scene.heard(), expected)


async def test_a_leg_that_lies_in_the_spool_is_joined_to_those_on_spaces(scene):
    first = await scene.recorded(await scene.own(0), 1, 1.0)
    second, _ = await scene.killed(await scene.own(1_000), 2, 2.0)
    await scene.end(rested_s=0)
    assert await scene.close() == 1
    encoded = (len(second) - 1) // FRAME * FRAME
    assert np.array_equal(await scene.heard(), np.concatenate([first, second[:encoded]]))
    assert list(scene.spool.folder.iterdir()) == []


async def test_two_workers_make_one_recording(scene, other_spool):
    first = await scene.recorded(await scene.own(0), 1, 2.0)
    second = await scene.recorded(await scene.own(2_000), 2, 2.0)
    await scene.end()
    closed = await asyncio.gather(*(scene.close(spool) for spool in (scene.spool, other_spool) * 3))
    assert sum(closed) == 1
    assert np.array_equal(await scene.heard(), np.concatenate([first, second]))
    assert await scene.close() == 0


async def test_a_complete_recording_of_one_leg_is_left_as_it_is(scene):
    token = await scene.own(0)
    played = await scene.recorded(token, 1, 2.0)
    await scene.spaces.put(f"{scene.stem(token)}.tail/{0:015d}", b"left over", "text/plain")
    await scene.end()
    assert await scene.close() == 1
    assert np.array_equal(await scene.heard(), played)
    assert (await scene.row())["recording"]["key"] == f"{scene.stem(token)}.flac"


async def test_a_session_of_which_nothing_was_recorded_has_an_empty_recording(scene):
    await scene.own(0)
    await scene.end()
    assert await scene.close() == 1
    data = await scene.row()
    assert (data["recording"]["state"], data["audio_url"]) == ("empty", None)
    assert "has_leftovers" not in data["recording"]
    assert await scene.close() == 0


async def test_a_recorder_that_lives_is_left_alone(scene, other_spool):
    recorder = await scene.recording(await scene.own(0))
    played = noise(1, 3.0)
    await play(recorder, played, paced=False)
    await scene.end(rested_s=0)
    assert await scene.close() == 0
    assert await scene.close(other_spool) == 0
    await recorder.finish()
    assert recorder.state == "ready"


async def test_many_are_made_in_one_run(scene, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    scenes = [scene] + [replace(scene) for _ in range(4)]
    played = {}
    for number, each in enumerate(scenes):
        if number:
            await each.begin()
        first = await each.recorded(await each.own(0), number, 0.5)
        second = await each.recorded(await each.own(500), number + 10, 0.5)
        played[each.session_id] = np.concatenate([first, second])
        await each.end()
    assert await scene.close() == 5
    for each in scenes:
        assert np.array_equal(await each.heard(), played[each.session_id])
