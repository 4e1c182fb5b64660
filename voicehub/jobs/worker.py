"""The `worker` process: runs each job on its beat. Any number of workers may run at once."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog

from voicehub.errors import StorageError
from voicehub.jobs.settle import settle_all
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis

SETTLE_EVERY_S = 60.0

logger = structlog.get_logger(__name__)


async def work(postgres: Postgres, redis: Redis) -> None:
    """Run the jobs until SIGTERM or SIGINT; a job that is running then is finished first."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    logger.info("worker started")
    await beat(stopped, SETTLE_EVERY_S, "settle", lambda: settle_all(postgres, redis))
    logger.info("worker stopped")


async def beat(
    stopped: asyncio.Event, every_s: float, name: str, job: Callable[[], Awaitable[int]]
) -> None:
    """Run `job` now and every `every_s` until `stopped`; a store that is down is tried again."""
    while not stopped.is_set():
        try:
            if count := await job():
                logger.info("job done", job=name, count=count)
        except StorageError as error:
            logger.warning("job failed", job=name, code=error.code)
        try:
            async with asyncio.timeout(every_s):
                await stopped.wait()
        except TimeoutError:
            continue
