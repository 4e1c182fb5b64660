import numpy as np
import pytest

from tests.killed_recorder import noise, play
from voicehub.errors import StorageError
from voicehub.jobs.recording_maker import HELD_ATTEMPTS_MAX, OWNER_ATTEMPTS, Maker
from voicehub.sinks.summary import RecordingState, joined_stem
from voicehub.storage.recordings import Claim

LEGS = [{"token": 1, "at_ms": 0, "wall_ms": 0}]


def maker(scene, *, legs=LEGS, attempts=1, fence=1, is_lost=True):
    claim = Claim(
        team_id=scene.team_id,
        session_id=scene.session_id,
        token=99,
        attempts=attempts,
        faults=0,
        fence=fence,
        is_lost=is_lost,
        legs=legs,
    )
    return Maker(scene.spaces, scene.spool, claim)


async def test_one_finished_leg_at_the_beginning_is_the_recording(scene):
    await scene.recorded(1, 1, 1.5)
    summary = await maker(scene).make()
    assert (summary.state, summary.key) == (RecordingState.READY, f"{scene.stem(1)}.flac")
    assert (summary.seconds, summary.lost_ms) == (1.5, 0)
    assert summary.bytes == (await scene.spaces.head(summary.key)).size_bytes


async def test_a_leg_that_begins_later_is_written_anew(scene):
    await scene.recorded(1, 1, 1.5)
    summary = await maker(scene, legs=[{"token": 1, "at_ms": 100}]).make()
    stem = joined_stem(scene.team_id, scene.session_id, 99)
    assert (summary.key, summary.seconds, summary.lost_ms) == (f"{stem}.flac", 1.6, 100)


async def test_a_row_without_legs_has_its_owners_at_the_beginning(scene):
    await scene.recorded(2, 1, 1.5)
    summary = await maker(scene, legs=None, fence=3).make()
    assert summary.key == f"{scene.stem(2)}.flac"


async def test_a_leg_that_ends_in_the_spool_is_finished_from_there(scene):
    recorder = await scene.recording(1)
    played = noise(1, 2.0)
    await play(recorder, played, paced=False)
    await recorder.abandon()
    summary = await maker(scene).make()
    assert (summary.state, summary.key) == (RecordingState.READY, f"{scene.stem(1)}.flac")
    assert np.isclose(summary.seconds, 2.0, atol=4096 / 24_000)
    assert list(scene.spool.folder.iterdir()) == []


async def test_what_was_cut_short_stays_cut_short(scene):
    recorder = await scene.recording(1)
    recorder.write(noise(1, 1.0))
    await recorder.drained()
    recorder._truncate("the disk is full")
    recorder._uploader.take = fails
    recorder._finish_deadline_s = 0.1
    await recorder.finish()
    summary = await maker(scene).make()
    assert (summary.state, summary.seconds) == (RecordingState.TRUNCATED, 1.0)


async def fails(*_):
    raise StorageError("Not now.")


async def test_a_leg_that_is_being_written_is_waited_for_but_not_for_ever(scene):
    recorder = await scene.recording(1)
    await play(recorder, noise(1, 1.0), paced=False)
    for attempt in range(1, HELD_ATTEMPTS_MAX + 1):
        with pytest.raises(StorageError, match="still being written"):
            await maker(scene, attempts=attempt).make()
    summary = await maker(scene, attempts=HELD_ATTEMPTS_MAX + 1).make()
    assert summary.state in {RecordingState.READY, RecordingState.EMPTY}
    await recorder.abandon()


async def test_an_owner_that_ended_its_session_is_given_time_to_close_its_leg(scene):
    legs = [{"token": 1, "at_ms": 0}, {"token": 2, "at_ms": 1_000}]
    await scene.recorded(1, 1, 1.0)
    await scene.spaces.put(f"{scene.stem(2)}.tail/{0:015d}", b"fLaC" + bytes(40), "x/y")
    for attempt in range(1, OWNER_ATTEMPTS + 1):
        with pytest.raises(StorageError, match="by its owner"):
            await maker(scene, legs=legs, attempts=attempt, is_lost=False).make()
    assert await scene.spaces.list_uploads("") == []
    summary = await maker(scene, legs=legs, attempts=OWNER_ATTEMPTS + 1, is_lost=False).make()
    assert summary.seconds == 1.0


async def test_once_its_leg_is_closed_nobody_waits_for_an_owner(scene):
    legs = [{"token": 1, "at_ms": 0}, {"token": 2, "at_ms": 1_000}]
    await scene.recorded(1, 1, 1.0)
    with pytest.raises(StorageError, match="by its owner"):
        await maker(scene, legs=legs, is_lost=False).make()
    await scene.recorded(2, 2, 1.0)
    assert (await maker(scene, legs=legs, is_lost=False).make()).seconds == 2.0


async def test_of_nothing_comes_an_empty_recording(scene):
    summary = await maker(scene).make()
    assert (summary.state, summary.url, summary.bytes) == (RecordingState.EMPTY, None, 0)
    assert maker(scene).failed().state is RecordingState.FAILED
