import asyncio
import json
import os
import signal
import sys

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.integration.jobs.conftest import ROOT
from tests.killed_recorder import noise, play
from voicehub.errors import StorageError
from voicehub.jobs import recordings as module
from voicehub.storage import lease
from voicehub.storage import spaces as spaces_module
from voicehub.storage.spaces import Spaces
from voicehub.tasks import spawn


@pytest.fixture
async def two_legs(scene):
    """A session that two owners recorded, and its samples."""
    return np.concatenate(
        [
            await scene.recorded(await scene.own(0), 1, 2.0),
            await scene.recorded(await scene.own(2_000), 2, 2.0),
        ]
    )


@pytest.fixture
def at_once(monkeypatch):
    """What failed may be tried again without a wait, by anybody."""
    monkeypatch.setattr(module, "SPOOL_FIRST_S", -1.0)
    monkeypatch.setattr(module, "BACKOFF_S", 0.0)
    monkeypatch.setattr(spaces_module, "BACKOFF_S", 0.0)


@pytest.mark.parametrize("step", ["before the object", "after the object", "after the row"])
async def test_a_worker_that_is_killed_leaves_nothing_wrong(
    scene, two_legs, database_url, redis_url, step
):
    await scene.end()
    order = {
        "database_url": database_url,
        "redis_url": redis_url,
        "spaces": scene.spaces_named,
        "folder": str(scene.spool.folder),
        "step": step,
    }
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.killed_worker", json.dumps(order), cwd=ROOT
    )
    assert await victim.wait() == -signal.SIGKILL
    assert await scene.close() == (step != "after the row")
    assert np.array_equal(await scene.heard(), two_legs)
    recording = (await scene.row())["recording"]
    assert recording.keys().isdisjoint({"has_leftovers", "claim", "attempts", "next_at"})
    assert list(scene.spool.folder.iterdir()) == []


@pytest.mark.parametrize("operation", ["get", "list_objects", "put", "delete"])
async def test_spaces_that_fails_in_the_middle_is_waited_for(
    breakable_scene, breakable_server, at_once, monkeypatch, operation
):
    scene = breakable_scene
    first = await scene.recorded(await scene.own(0), 1, 2.0)
    second = await scene.recorded(await scene.own(2_000), 2, 2.0)
    await scene.end()
    monkeypatch.setattr("voicehub.sinks.assemble.FINISH_DEADLINE_S", 0.5)
    works = getattr(Spaces, operation)

    stopping = []

    async def breaks(spaces, *args, **named):
        if not stopping:
            stopping.append(spawn(breakable_server.stop(), name="stop"))
        await asyncio.wait(stopping)
        return await works(spaces, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Spaces, operation, breaks)
        closed = await scene.close()
    assert closed == 0
    await asyncio.wait(stopping)
    await breakable_server.start()
    await scene.close()
    assert np.array_equal(await scene.heard(), np.concatenate([first, second]))
    assert (await scene.row())["recording"]["lost_ms"] == 0
    assert list(scene.spool.folder.iterdir()) == []


async def test_while_spaces_is_away_nothing_is_tried(breakable_scene, breakable_server):
    scene = breakable_scene
    await scene.recorded(await scene.own(0), 1, 1.0)
    await scene.end()
    await breakable_server.stop()
    with pytest.raises(StorageError):
        await scene.close()
    assert (await scene.row())["recording"] == {"state": "processing"}


async def test_an_outage_of_spaces_loses_nothing_that_a_spool_keeps(
    breakable_scene, breakable_server, other_spool
):
    """The workers of other hosts see Spaces come back as soon as the one that has the spool."""
    scene = breakable_scene
    recorder = await scene.recording(await scene.own(0))
    played = noise(1, 3.0)
    await breakable_server.stop()
    await play(recorder, played, paced=False)
    recorder._finish_deadline_s = 0.1
    assert (await recorder.finish()).state == "processing"
    await scene.end(rested_s=3600.0)
    for only_spooled in (False, True):
        with pytest.raises(StorageError):
            await scene.close(only_spooled=only_spooled)
    with pytest.raises(StorageError):
        await scene.close(other_spool)
    await scene.rest(3600.0)
    await breakable_server.start()
    assert await scene.close(other_spool) == 0
    assert await scene.close(other_spool, only_spooled=True) == 0
    assert await scene.close(only_spooled=True) == 1
    assert np.array_equal(await scene.heard(), played)


async def test_a_session_with_a_lease_is_its_owners(scene, two_legs):
    await scene.end()
    await lease.hold(scene.redis, scene.team_id, scene.session_id, 2, "owner")
    assert await scene.close() == 0
    await lease.release(scene.redis, scene.team_id, scene.session_id, 2)
    assert await scene.close() == 1
    assert np.array_equal(await scene.heard(), two_legs)


async def test_audio_that_cannot_be_decoded_fails_in_the_end_and_is_kept(
    scene, two_legs, at_once, monkeypatch
):
    key = f"{scene.stem(2)}.flac"
    content = await scene.spaces.get(key)
    middle = len(content) // 2
    broken = content[:middle] + bytes(20_000) + content[middle + 20_000 :]
    await scene.spaces.put(key, broken, "audio/flac")
    await scene.end()
    with capture_logs() as logs:
        for _ in range(module.FAULTS_MAX):
            assert await scene.close() == 0
        assert (await scene.row())["recording"]["state"] == "processing"
        assert await scene.close() == 1
    assert (await scene.row())["recording"]["state"] == "failed"
    assert [entry["event"] for entry in logs].count("recording cannot be made") == 1
    assert key in {found.key for found in await scene.spaces.list_objects("")}
    assert await scene.close() == 0


async def test_a_failed_attempt_rests_longer_each_time(scene, two_legs, monkeypatch):
    await scene.end()

    async def fails(*_):
        raise StorageError("Not now.")

    monkeypatch.setattr(module.Maker, "make", fails)
    assert await scene.close() == 0
    rests = (await scene.row())["recording"]
    assert (rests["attempts"], rests["faults"], rests["claim"]) == (1, 0, None)
    assert await scene.close() == 0
    assert (await scene.row())["recording"] == rests


async def test_who_comes_second_changes_nothing(scene, two_legs, other_spool, at_once, monkeypatch):
    """A worker that hung longer than its claim: another has made the recording meanwhile."""
    await scene.end()
    reached, goes_on = asyncio.Event(), asyncio.Event()
    make = module.Maker.make

    async def hangs(maker):
        summary = await make(maker)
        reached.set()
        await goes_on.wait()
        return summary

    with monkeypatch.context() as patch:
        patch.setattr(module, "CLAIM_S", 0.0)
        patch.setattr(module.Maker, "make", hangs)
        slow = spawn(scene.close(other_spool), name="slow worker")
        await reached.wait()
    assert await scene.close() == 1
    made = await scene.row()
    goes_on.set()
    assert await slow == 0
    assert await scene.row() == made
    assert np.array_equal(await scene.heard(), two_legs)


async def test_a_worker_stops_when_its_claim_is_lost(
    scene, two_legs, other_spool, at_once, monkeypatch
):
    await scene.end()
    reached, stopped = asyncio.Event(), asyncio.Event()

    async def hangs(_):
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with monkeypatch.context() as patch:
        patch.setattr(module, "CLAIM_S", 0.0)
        patch.setattr(module, "RENEW_EVERY_S", 0.05)
        patch.setattr(module.Maker, "make", hangs)
        slow = spawn(scene.close(other_spool), name="slow worker")
        await reached.wait()
    assert await scene.close() == 1
    assert await slow == 0
    assert stopped.is_set()
    assert np.array_equal(await scene.heard(), two_legs)


async def test_a_worker_that_is_told_to_stop_leaves_it_to_others_at_once(
    scene, two_legs, at_once, monkeypatch
):
    await scene.end()
    reached = asyncio.Event()
    get = Spaces.get

    async def hangs(spaces, key, byte_range=None):
        if byte_range == (0, 64):
            return await get(spaces, key, byte_range)
        reached.set()
        return await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Spaces, "get", hangs)
        working = spawn(scene.close(), name="worker")
        await reached.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
    assert list(scene.spool.folder.iterdir()) == []
    assert scene.spool.bytes_used == 0
    assert await scene.close() == 1
    assert np.array_equal(await scene.heard(), two_legs)


async def test_the_host_with_the_spool_comes_first_and_its_spool_is_cleared(scene, other_spool):
    played, _ = await scene.killed(await scene.own(0), 1, 3.0)
    await scene.end(rested_s=0)
    assert await scene.close(other_spool) == 0
    await scene.rest(60.0)
    assert await scene.close(other_spool) == 1  # the host did not come back in time
    heard = await scene.heard()
    assert list(scene.spool.folder.iterdir())
    assert await scene.close() == 0
    assert list(scene.spool.folder.iterdir()) == []
    assert np.array_equal(await scene.heard(), heard)
    assert np.array_equal(heard, played[: len(heard)])


async def test_the_spool_of_a_session_that_goes_on_is_kept(scene):
    await scene.killed(await scene.own(0), 1, 2.0)
    assert await scene.close() == 0
    assert len(list(scene.spool.folder.iterdir())) == 1


async def test_a_folder_that_a_kill_left_half_made_is_removed(scene):
    folder = scene.spool.folder / "recordings_team-7_session-1-1"
    folder.mkdir()
    assert await scene.close() == 0
    assert folder.exists()
    os.utime(folder, (0, 0))
    await scene.close()
    assert not folder.exists()


async def test_a_broken_spool_gives_way_to_what_reached_spaces(scene):
    played, saved = await scene.killed(await scene.own(0), 1, 3.0)
    (manifest,) = scene.spool.folder.glob("*/manifest.json")
    manifest.write_text("{}")
    await scene.end()
    assert await scene.close() == 1
    heard = await scene.heard()
    assert len(heard) >= saved
    assert np.array_equal(heard, played[: len(heard)])
    assert list(scene.spool.folder.iterdir()) == []


async def test_rows_of_long_ago_are_looked_at_by_the_slow_beat(scene):
    played = noise(1, 1.0)
    assert np.array_equal(await scene.recorded(await scene.own(0), 1, 1.0), played)
    await scene.end(rested_s=7200.0)
    assert await scene.close(written_within_s=3600.0) == 0
    assert await scene.close() == 1
