import asyncio

import pytest

from voicehub.jobs import sweep, worker
from voicehub.jobs.table import Job, Rules, Stores, jobs_of
from voicehub.sinks.spool import Spool


@pytest.fixture
async def stores(pg, redis, spaces, tmp_path):
    async with Spool(tmp_path, bytes_max=1 << 30) as spool:
        yield Stores(pg, redis, spaces, spool)


async def test_every_job_runs_on_stores_with_nothing_to_do(stores):
    jobs = jobs_of(stores, Rules(audio_days=1, transcript_days=1))
    assert [await job.run() for job in jobs] == [0] * len(jobs)
    assert len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        assert job.limit_s > 5
        assert job.every_s > 0


async def test_a_lost_session_is_found_in_time():
    # design.md: within 30 s, of which ending it may take some.
    longest_s = 12 + sweep.GONE_S + 2 * sweep.LOOK_EVERY_S
    assert longest_s < 26


async def test_two_workers_end_a_session_and_settle_it_once(stores, team, new_owner, monkeypatch):
    monkeypatch.setattr(sweep, "GONE_S", 0.0)
    monkeypatch.setattr("voicehub.jobs.table.LOOK_EVERY_S", 0.01)
    owner = await new_owner()
    await owner.book(1, 40)
    await owner.die()
    stopped = asyncio.Event()

    async def watch():
        if (await owner.row())["status"] != "in_progress":
            stopped.set()
        return 0

    watching = [Job("watch", 0.01, 20, watch)]
    async with asyncio.timeout(20):
        await asyncio.gather(
            *(worker.run_jobs(stopped, jobs_of(stores, Rules()) + watching) for _ in range(2))
        )
    assert await team.used() == (40, 0)
    assert (await owner.row())["data"]["ended_reason"] == "lost"
