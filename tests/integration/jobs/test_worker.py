import asyncio
import os
import signal

import pytest
from structlog.testing import capture_logs

from voicehub.errors import StorageError
from voicehub.jobs import worker
from voicehub.jobs.table import Job
from voicehub.tasks import spawn

LIMIT_S = 5.0


def job(run, name="job", every_s=0.001, limit_s=LIMIT_S):
    return Job(name, every_s, limit_s, run)


class Counting:
    """A job that stops the worker at its n-th run, and does before what `at` says."""

    def __init__(self, stopped, runs_max, at=None):
        self.stopped, self.runs_max, self.at = stopped, runs_max, at or {}
        self.runs = 0

    async def __call__(self):
        self.runs += 1
        if self.runs >= self.runs_max:
            self.stopped.set()
        if fault := self.at.get(self.runs):
            raise fault
        return 1


async def run(stopped, *jobs):
    async with asyncio.timeout(LIMIT_S):
        await worker.run_jobs(stopped, jobs)


async def test_a_job_runs_on_its_beat_until_it_is_stopped():
    stopped = asyncio.Event()
    counting = Counting(stopped, 3)
    await run(stopped, job(counting))
    assert counting.runs == 3


async def test_an_outage_is_tried_again_and_logged_once():
    stopped = asyncio.Event()
    down = StorageError("away")
    counting = Counting(stopped, 6, {1: down, 2: down, 3: down, 5: down})
    with capture_logs() as logs:
        await run(stopped, job(counting))
    events = [each["event"] for each in logs]
    assert events == [
        *("job failed", "job works again", "job done"),
        *("job failed", "job works again", "job done"),
    ]


async def test_a_job_that_breaks_or_hangs_stops_no_other_and_runs_again():
    stopped = asyncio.Event()
    broken = Counting(asyncio.Event(), 0, {1: ValueError("bug"), 2: ValueError("bug")})
    hung = asyncio.Event()
    hangs = 0

    async def hang():
        nonlocal hangs
        hangs += 1
        if hangs == 2:
            hung.set()
        await asyncio.Event().wait()
        return 0

    async def third():
        await hung.wait()
        stopped.set()
        return 0

    with capture_logs() as logs:
        await run(
            stopped,
            job(broken, "broken"),
            job(hang, "hanging", limit_s=0.01),
            job(third, "third"),
        )
    assert broken.runs > 2
    assert {"job broke", "job failed"} <= {each["event"] for each in logs}
    assert [each["code"] for each in logs if each["event"] == "job failed"] == ["time_limit"]


async def test_a_running_job_is_finished_when_the_worker_stops():
    stopped, finished = asyncio.Event(), []

    async def slow():
        stopped.set()
        for _ in range(5):
            await asyncio.sleep(0)
        finished.append(True)
        return 1

    await run(stopped, job(slow))
    assert finished == [True]


async def test_a_job_that_does_not_end_then_is_cut_off(monkeypatch):
    monkeypatch.setattr(worker, "STOP_S", 0.01)
    stopped = asyncio.Event()

    async def endless():
        stopped.set()
        await asyncio.Event().wait()
        return 0

    await run(stopped, job(endless, limit_s=3600))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_worker_between_two_runs(number):
    ran = asyncio.Event()

    async def once():
        ran.set()
        return 0

    working = spawn(worker.work([job(once, every_s=60)]), name="worker")
    await ran.wait()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(LIMIT_S):
        await working
    assert not asyncio.get_running_loop().remove_signal_handler(number)
