"""A process that stood still for so long that its session was ended, and lives again."""

import asyncio
from itertools import count

from tests.realtime import STEP_S_MAX
from voicehub.jobs import recordings
from voicehub.jobs.recordings import close_recordings
from voicehub.jobs.sweep import GONE_S, Sweeper
from voicehub.keys import SPACES, SPOOL
from voicehub.realtime.tokens import duration_usage
from voicehub.sinks.spool import Spool
from voicehub.storage import lease
from voicehub.storage.recording_keys import session_prefix

USAGE = duration_usage(0, 1_000, 5, 0)


async def test_it_tells_its_client_and_writes_nothing(new_site, monkeypatch, tmp_path):
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 3600)
    site = await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.talk()
    await site.engine.reply(1, "Before.", usage=USAGE, audio_ms=4_000)
    await talk.until("response.done")
    async with asyncio.timeout(STEP_S_MAX):
        while not await site.app[SPACES].list_objects(""):
            pass
    await site.raw_redis.delete(f"{{team:{site.teams['one']}}}:session:{talk.session_id}:lease")
    sweeper = Sweeper(
        site.pg, site.redis, keep_context=False, now_s=count(step=GONE_S / 4).__next__
    )
    async with asyncio.timeout(STEP_S_MAX):
        while not await sweeper.sweep():
            pass
    ended = await site.row(talk.session_id)
    assert (ended["status"], ended["data"]["ended_reason"]) == ("failed", "lost")
    monkeypatch.setattr(recordings, "SPOOL_FIRST_S", -1)
    stores = site.pg, site.redis, site.app[SPACES]
    async with Spool(tmp_path / "other", bytes_max=1 << 30) as other:
        assert await close_recordings(*stores, other) == 1
    made = await site.row(talk.session_id)
    await site.engine.reply(2, "After.", usage=USAGE, audio_ms=1_000)
    assert await talk.until_closed() == 1011
    assert talk.errors == ["session_lost"]
    assert len(talk.of("response.done")) == 1
    row = await site.over(talk.session_id)
    for name in ("status", "usage", "ended_at"):
        assert row[name] == made[name]
    assert row["data"]["transcript"] == ended["data"]["transcript"]
    # Its part of the recording was finished after the recording was made without it.
    await close_recordings(*stores, site.app[SPOOL])
    assert (await site.row(talk.session_id))["data"] == made["data"]
    prefix = session_prefix(site.teams["one"], talk.session_id)
    left = [found.key for found in await site.app[SPACES].list_objects(prefix)]
    assert left == [made["data"]["recording"]["key"]]
    assert list(site.app[SPOOL].folder.iterdir()) == []
