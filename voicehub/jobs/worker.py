"""The `worker` process: runs each job on its beat. Any number of workers may run at once."""

import asyncio
import signal
import time
from collections.abc import Sequence

import structlog

from voicehub.errors import StorageError
from voicehub.jobs.record import JobRecord
from voicehub.jobs.table import Job
from voicehub.storage import job_runs
from voicehub.storage.job_runs import Run
from voicehub.storage.redis import Redis
from voicehub.telemetry.telemetry import Telemetry

# What a job that was running when the worker was told to stop may still take. Then it is cut off:
# every job can be done again.
STOP_S = 20.0

logger = structlog.get_logger(__name__)


async def work(
    jobs: Sequence[Job], telemetry: Telemetry | None = None, redis: Redis | None = None
) -> None:
    """Run the jobs until SIGTERM or SIGINT; those that are running then are finished first."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stopped.set)
    logger.info("worker started", jobs=[job.name for job in jobs])
    try:
        await run_jobs(stopped, jobs, telemetry, redis)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    logger.info("worker stopped")


async def run_jobs(
    stopped: asyncio.Event,
    jobs: Sequence[Job],
    telemetry: Telemetry | None = None,
    redis: Redis | None = None,
) -> None:
    """Run each job on its own beat until `stopped`; in `redis` admins see what they did."""
    record = JobRecord(telemetry or Telemetry())
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(Beat(job, record, redis).run(stopped), name=f"job {job.name}")


class Beat:
    """Runs one job again and again; nothing that happens in it ends the beat or another's."""

    def __init__(self, job: Job, record: JobRecord, redis: Redis | None = None) -> None:
        self._job = job
        self._redis = redis
        self._has_failed = False
        self._record = record
        self._fault: str | None = None

    async def run(self, stopped: asyncio.Event) -> None:
        """The job now, and `every_s` after each time that it has ended."""
        while not stopped.is_set():
            began_s = time.monotonic()
            try:
                # The limit of a running job starts anew, shorter, when the worker is to stop.
                async with asyncio.timeout(self._job.limit_s) as limit:
                    async with asyncio.TaskGroup() as group:
                        watch = group.create_task(
                            _shorten(limit, stopped, self._job), name="stop watch"
                        )
                        await self._once()
                        watch.cancel()
            except TimeoutError:
                self._failed("time_limit")
            took_s = time.monotonic() - began_s
            self._record.lasted(self._job.name, took_s)
            await self._note(took_s)
            try:
                async with asyncio.timeout(self._job.every_s):
                    await stopped.wait()
            except TimeoutError:
                continue

    async def _note(self, took_s: float) -> None:
        if self._redis is None:
            return
        run = Run(self._job.name, self._job.every_s, time.time(), took_s, self._has_failed)
        try:
            await job_runs.note(self._redis, run)
        except StorageError:
            return  # the log and the metrics have it

    async def _once(self) -> None:
        self._has_failed = False
        try:
            count = await self._job.run()
        except StorageError as error:
            self._failed(error.code)
            return
        except Exception:
            self._has_failed = True
            self._record.broke(self._job.name)
            logger.exception("job broke", job=self._job.name)
            return
        self._record.done(self._job.name, count)
        if self._fault is not None:
            logger.info("job works again", job=self._job.name)
            self._fault = None
        if count:
            logger.info("job done", job=self._job.name, count=count)

    def _failed(self, fault: str) -> None:
        """One line an outage: the beat of some jobs is two seconds."""
        self._has_failed = True
        self._record.failed(self._job.name)
        if fault != self._fault:
            logger.warning("job failed", job=self._job.name, code=fault)
            self._fault = fault


async def _shorten(limit: asyncio.Timeout, stopped: asyncio.Event, job: Job) -> None:
    await stopped.wait()
    if job.leave is not None:
        job.leave()
    latest = asyncio.get_running_loop().time() + STOP_S
    if not limit.expired():
        limit.reschedule(min(latest, limit.when() or latest))
