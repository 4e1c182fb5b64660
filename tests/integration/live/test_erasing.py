"""A session is erased while the process that served it still puts it away."""

import asyncio

import pytest

from tests.realtime import STEP_S_MAX
from voicehub.jobs.erasures import erase_audio
from voicehub.jobs.recordings import close_recordings
from voicehub.keys import SPACES, SPOOL
from voicehub.realtime.tokens import duration_usage
from voicehub.storage.recording_keys import session_prefix

USAGE = duration_usage(0, 1_000, 5, 0)


@pytest.mark.parametrize("part", ["", "/recording"])
async def test_its_recording_does_not_come_back(new_site, part):
    site = await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.talk()
    await site.engine.reply(1, "Secret words.", usage=USAGE, audio_ms=4_000)
    await talk.until("response.done")
    spaces = site.app[SPACES]
    prefix = session_prefix(site.teams["one"], talk.session_id)
    async with asyncio.timeout(STEP_S_MAX):
        while not await spaces.list_objects(prefix):
            pass
    path = f"/v1/sessions/{talk.session_id}"
    # Answers as the row has ended: the recording is being closed meanwhile.
    await site.ask("POST", f"{path}/end")
    headers = {"Authorization": f"Bearer {await site.token()}"}
    async with site.client.delete(f"{path}{part}", headers=headers) as response:
        assert response.status == 204
    held = [t for t in asyncio.all_tasks() if t.get_name() == f"session {talk.session_id}"]
    async with asyncio.timeout(STEP_S_MAX):
        await asyncio.gather(*held)
    await erase_audio(site.pg, spaces)
    await close_recordings(site.pg, site.redis, spaces, site.app[SPOOL])
    assert await spaces.list_objects(prefix) == []
    assert await spaces.list_uploads(prefix) == []
    assert list(site.app[SPOOL].folder.iterdir()) == []
    used = await site.used()
    assert used[0] > 0
    left = await site.run("SELECT data->'recording'->>'state' FROM sessions")
    assert left == ("removed" if part else None)
