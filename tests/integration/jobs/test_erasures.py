"""What was erased does not come back, whoever brings it: a job, an owner, a host that was away."""

import asyncio

import pytest

from voicehub.errors import StorageError
from voicehub.jobs import recordings as module
from voicehub.jobs.erasures import erase_audio
from voicehub.sinks.leftovers import left_by_session
from voicehub.storage import erasure
from voicehub.storage.erasure import SWEEP_AGAIN_S
from voicehub.storage.recording_keys import session_prefix
from voicehub.tasks import spawn


@pytest.fixture
async def left(spaces):
    async def look(scene):
        prefix = session_prefix(scene.team_id, scene.session_id)
        return [*await spaces.list_objects(prefix), *await spaces.list_uploads(prefix)]

    return look


async def erase(scene, what="session"):
    if what == "session":
        await erasure.erase_session(
            scene.pg, scene.redis, scene.team_id, scene.session_id, actor="user:1"
        )
    else:
        await erasure.erase_recording(scene.pg, scene.team_id, scene.session_id, actor="user:1")
    await erasure.sweep(scene.pg, scene.spaces, scene.team_id, scene.session_id)


async def next_in_s(scene):
    async with scene.pg.connection() as conn:
        return await conn.fetchval(
            "SELECT extract(epoch FROM next_at - now())::float8 FROM erasures"
        )


@pytest.mark.parametrize("what", ["session", "recording"])
async def test_a_recording_that_is_erased_while_it_is_made_is_gone(scene, left, monkeypatch, what):
    """Erased between the making of the object and the row that names it."""
    await scene.killed(await scene.own(), seed=1, seconds=3)
    await scene.killed(await scene.own(at_ms=4000), seed=2, seconds=2)
    await scene.end()
    made, go_on = asyncio.Event(), asyncio.Event()
    close = module.recordings.close

    async def wait_and_close(conn, *arguments):
        made.set()
        await go_on.wait()
        return await close(conn, *arguments)

    monkeypatch.setattr(module.recordings, "close", wait_and_close)
    closing = spawn(scene.close(), name="close")
    await made.wait()
    assert await left(scene)
    await erase(scene, what)
    prefix = session_prefix(scene.team_id, scene.session_id)
    await scene.spaces.put(f"{prefix}1.flac", b"what came late", "audio/flac")
    go_on.set()
    assert await closing == 0
    assert await erase_audio(scene.pg, scene.spaces) == 1
    assert await left(scene) == []
    assert await scene.spool.run(lambda: left_by_session(scene.spool)) == {}


@pytest.mark.parametrize("what", ["session", "recording"])
async def test_the_spool_of_a_host_that_was_away_is_removed(scene, other_spool, left, what):
    await scene.killed(await scene.own(), seed=1, seconds=3)
    await scene.end()
    await erase(scene, what)
    # Its own host looks only now.
    assert await scene.spool.run(lambda: left_by_session(scene.spool))
    await scene.close(only_spooled=True)
    assert await scene.spool.run(lambda: left_by_session(scene.spool)) == {}
    assert await left(scene) == []


async def test_spaces_is_looked_through_again_and_again_for_a_week(scene, left):
    await scene.end()
    await erase(scene)
    waits = []
    while (wait_s := await next_in_s(scene)) is not None:
        waits.append(round(wait_s))
        assert await erase_audio(scene.pg, scene.spaces) == 0
        prefix = session_prefix(scene.team_id, scene.session_id)
        await scene.spaces.put(f"{prefix}1.tail-00001", b"late", "audio/flac")
        async with scene.pg.connection() as conn:
            await conn.execute("UPDATE erasures SET next_at = now()")
        assert await erase_audio(scene.pg, scene.spaces) == 1
        assert await left(scene) == []
    assert waits == [round(each) for each in SWEEP_AGAIN_S]


async def test_while_spaces_is_away_everything_stays_due(breakable_scene, breakable_server):
    scene = breakable_scene
    await scene.end()
    await breakable_server.stop()
    with pytest.raises(StorageError):
        await erase(scene)
    with pytest.raises(StorageError):
        await erase_audio(scene.pg, scene.spaces)
    await breakable_server.start()
    await scene.spaces.create_bucket()
    assert await erase_audio(scene.pg, scene.spaces) == 1
