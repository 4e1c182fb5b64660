from datetime import timedelta

import pytest

from voicehub.jobs import uploads as module
from voicehub.jobs.uploads import abort_uploads
from voicehub.sinks.summary import recording_stem
from voicehub.storage.spaces import OpenUpload

NO_AGE = timedelta(seconds=-60)


@pytest.fixture
def begin(team, spaces):
    """Begin an upload, and give the session a state of its recording."""

    async def begin(status, state, session_id=None):
        session_id = session_id or await team.add_session(status=status)
        await team.run(
            "UPDATE sessions SET data = data || jsonb_build_object('recording',"
            " jsonb_build_object('state', $2::text)), ended_at = CASE WHEN status IN"
            " ('completed', 'failed') THEN now() END WHERE id = $1 RETURNING id",
            session_id,
            state,
        )
        key = f"{recording_stem(team.id, session_id, 1)}.flac"
        await spaces.create_upload(key, "audio/flac")
        return key

    return begin


async def keys(spaces):
    return {upload.key for upload in await spaces.list_uploads("recordings/")}


async def test_only_what_no_session_needs_is_aborted(pg, spaces, begin):
    needed = {
        await begin("in_progress", "recording"),
        await begin("paused", "recording"),
        await begin("completed", "processing"),
        await begin("failed", "processing"),
        await begin("failed", "failed"),
    }
    for state in ("ready", "truncated", "empty", "removed"):
        await begin("completed", state)
    gone = await begin("completed", "ready", session_id=10**9)
    foreign = "recordings/somebody-elses.flac"
    await spaces.create_upload(foreign, "audio/flac")
    assert gone in await keys(spaces)
    assert await abort_uploads(pg, spaces, age_min=NO_AGE) == 5
    assert await keys(spaces) == needed | {foreign}
    assert await abort_uploads(pg, spaces, age_min=NO_AGE) == 0


async def test_a_young_upload_is_left_alone(pg, spaces, begin):
    key = await begin("completed", "ready")
    assert await abort_uploads(pg, spaces) == 0
    assert await keys(spaces) == {key}


async def test_many_are_looked_up_in_batches_and_one_without_a_date_stays(
    pg, spaces, begin, monkeypatch
):
    monkeypatch.setattr(module, "BATCH", 2)
    for _ in range(5):
        await begin("completed", "ready")
    listed = await spaces.list_uploads("recordings/")
    undated = OpenUpload(listed[0].key, listed[0].upload_id)

    async def list_uploads(_prefix):
        return [undated, *listed[1:]]

    monkeypatch.setattr(spaces, "list_uploads", list_uploads)
    assert await abort_uploads(pg, spaces, age_min=NO_AGE) == 4
