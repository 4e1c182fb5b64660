import pytest

from voicehub.errors import StorageError
from voicehub.jobs import retention as module
from voicehub.jobs.retention import apply_retention
from voicehub.sinks.summary import recording_stem


@pytest.fixture
def old(team, spaces):
    """A session that ended so many days ago, with its recording in Spaces."""

    async def old(days, state="ready"):
        session_id = await team.add_session(status="completed")
        stem = recording_stem(team.id, session_id, 1)
        for key in (f"{stem}.flac", f"{stem}.tail-1"):
            await spaces.put(key, b"audio", "audio/flac")
        await team.run(
            "UPDATE sessions SET ended_at = now() - make_interval(days => $2),"
            " data = data || $3 WHERE id = $1 RETURNING id",
            session_id,
            days,
            {
                "audio_url": "https://spaces.example/x",
                "recording": {"state": state, "key": f"{stem}.flac", "seconds": 2.5},
                "transcript": [{"item_id": "a", "transcript": "secret"}],
                "folded": {"sequence": 1, "order": 1.0},
            },
        )
        return session_id

    return old


async def stored(spaces):
    return sorted(each.key for each in await spaces.list_objects("recordings/"))


async def test_nothing_goes_unless_it_is_asked_for(pg, spaces, old):
    await old(10_000)
    assert await apply_retention(pg, spaces, audio_days=None, transcript_days=None) == 0
    assert len(await stored(spaces)) == 2


async def test_old_audio_goes_and_young_stays(team, pg, spaces, old, monkeypatch):
    monkeypatch.setattr(module, "WINDOW_IDS", 1)
    gone, kept = await old(31), await old(29)
    assert await apply_retention(pg, spaces, audio_days=30, transcript_days=None) == 1
    stem = recording_stem(team.id, kept, 1)
    assert await stored(spaces) == [f"{stem}.flac", f"{stem}.tail-1"]
    row = (await team.row(gone))["data"]
    assert row["audio_url"] is None
    assert (row["recording"]["state"], row["recording"]["seconds"]) == ("removed", 2.5)
    assert row["transcript"]
    assert (await team.row(kept))["data"]["recording"]["state"] == "ready"
    assert await apply_retention(pg, spaces, audio_days=30, transcript_days=None) == 0


async def test_old_transcripts_and_contexts_go(team, pg, spaces, old):
    gone, kept = await old(8), await old(6)
    assert await apply_retention(pg, spaces, audio_days=None, transcript_days=7) == 1
    row = (await team.row(gone))["data"]
    assert row["transcript"] == []
    assert "context" not in row
    assert row["folded"]["sequence"] == 1
    assert row["recording"]["state"] == "ready"
    assert (await team.row(kept))["data"]["transcript"]
    assert await apply_retention(pg, spaces, audio_days=None, transcript_days=7) == 0


async def test_a_recording_that_is_still_being_made_stays(pg, spaces, old, team):
    await old(100, "processing")
    session_id = await team.add_session()
    await team.run("UPDATE sessions SET started_at = now() - interval '1 year' RETURNING id")
    assert await apply_retention(pg, spaces, audio_days=1, transcript_days=None) == 0
    assert len(await stored(spaces)) == 2
    assert (await team.row(session_id))["status"] == "in_progress"


async def test_parts_of_an_unfinished_upload_go_with_the_audio(team, pg, spaces, old):
    session_id = await old(5, "failed")
    key = f"{recording_stem(team.id, session_id, 1)}.flac"
    await spaces.create_upload(key, "audio/flac")
    assert await apply_retention(pg, spaces, audio_days=1, transcript_days=None) == 1
    assert await spaces.list_uploads("recordings/") == []


async def test_spaces_failing_in_the_middle_leaves_it_for_the_next_run(
    team, pg, spaces, old, monkeypatch
):
    first, second = await old(5), await old(5)
    delete = spaces.delete

    async def fail_once(keys):
        monkeypatch.setattr(spaces, "delete", delete)
        raise StorageError("away")

    monkeypatch.setattr(spaces, "delete", fail_once)
    assert await apply_retention(pg, spaces, audio_days=1, transcript_days=None) == 1
    states = [(await team.row(each))["data"]["recording"]["state"] for each in (first, second)]
    assert states == ["ready", "removed"]
    assert await apply_retention(pg, spaces, audio_days=1, transcript_days=None) == 1
    assert await stored(spaces) == []
