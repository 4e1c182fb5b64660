import asyncio
import os
import signal

import pytest

from voicehub.errors import StorageError
from voicehub.jobs import worker
from voicehub.tasks import spawn


async def test_a_job_runs_on_its_beat_until_it_is_stopped():
    stopped, runs = asyncio.Event(), []

    async def job():
        runs.append(None)
        if len(runs) == 3:
            stopped.set()
        return 1

    async with asyncio.timeout(5):
        await worker.beat(stopped, 0.001, "count", job)
    assert len(runs) == 3


async def test_a_store_that_is_down_is_tried_again():
    stopped, runs = asyncio.Event(), []

    async def job():
        runs.append(None)
        if len(runs) == 1:
            raise StorageError("away")
        stopped.set()
        return 0

    async with asyncio.timeout(5):
        await worker.beat(stopped, 0.001, "count", job)
    assert len(runs) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_worker_between_two_jobs(pg, redis, monkeypatch, number):
    settled = asyncio.Event()

    async def settle(_postgres, _redis):
        settled.set()
        return 0

    monkeypatch.setattr(worker, "settle_all", settle)
    working = spawn(worker.work(pg, redis), name="worker")
    try:
        await settled.wait()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await working
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)
