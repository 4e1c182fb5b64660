"""Settlement by 8 tasks on 2 workers at once, killed at random points 200 times: totals exact.

What is killed, and how: the two workers are processes of their own with four tasks each that settle
without a pause. Inside of them a task is cancelled, or some of the pool's connections are ended by
Postgres, wherever each stands, every 60 ms or so. About every tenth kill is a SIGKILL of a whole
worker in the middle of that, and a new one takes its place. Meanwhile the sessions' owners book on.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from voicehub.jobs.settle import settle_all
from voicehub.session.metering import MILLION
from voicehub.storage import quota

KILLS = 200
WORKERS = 2
SESSIONS = 12
KILLS_BEFORE_SIGKILL = (10, 25)  # in a worker's own life
LIMIT_S = 120
WORKER = Path(__file__).with_name("settling.py")


class Kills:
    """Two workers at work, until they were killed often enough."""

    def __init__(self, environment, seed):
        self.environment = environment
        self.randomness = random.Random(seed)
        self.made = self.of_processes = 0
        self.enough = asyncio.Event()

    def count(self):
        self.made += 1
        if self.made >= KILLS:
            self.enough.set()

    async def keep_one_at_work(self):
        while not self.enough.is_set():
            await self._one_life()

    async def _one_life(self):
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, str(WORKER), str(self.randomness.randrange(2**32))),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert await worker.stdout.readline() == b"ready\n"
            for _ in range(self.randomness.randint(*KILLS_BEFORE_SIGKILL)):
                assert await worker.stdout.readline() == b"killed\n"
                self.count()
                if self.enough.is_set():
                    return
        finally:
            worker.kill()
            await worker.wait()
            await worker.stdout.read()
            self.of_processes += 1
            self.count()


async def book_on(owners, enough, randomness):
    """Each owner's totals grow until it is enough. Returns them."""
    totals = [0] * len(owners)
    number = 0
    while not enough.is_set():
        number += 1
        place = randomness.randrange(len(owners))
        totals[place] += randomness.randint(1, 9)
        await owners[place].book(number, totals[place], flying=randomness.randint(0, 3))
    for owner, total in zip(owners, totals, strict=True):
        await owner.book(number + 1, total)
    return totals


async def test_settlement_that_is_killed_at_random_points_counts_exactly(
    team, pg, redis, new_owner, database_url, redis_url
):
    seed = int(os.environ.get("VOICEHUB_TEST_SEED", random.SystemRandom().randrange(2**32)))
    print(f"VOICEHUB_TEST_SEED={seed}")  # noqa: T201  # pytest shows it where the test fails
    owners = [await new_owner() for _ in range(SESSIONS)]
    async with pg.connection() as conn:
        await quota.refresh(redis, conn, team.id)
    kills = Kills({**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}, seed)
    async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(kills.keep_one_at_work())
        booking = group.create_task(book_on(owners, kills.enough, random.Random(seed)))
    totals = booking.result()
    processes, tokens = kills.of_processes, sum(totals)
    print(f"{kills.made} kills, {processes} of them SIGKILL; {tokens} tokens")  # noqa: T201  # the same
    assert kills.made >= KILLS
    assert kills.of_processes >= WORKERS

    await settle_all(pg, redis)
    rows = [(await owner.row())["usage"]["audio_tokens"] for owner in owners]
    assert rows == totals
    assert await team.used() == (sum(totals), 0)
    names = ["used_audio", "live_audio"]
    used, live = await redis.client.hmget(quota.quota_key(team.id), names)
    assert (int(used), int(live)) == (sum(totals) * MILLION, 0)
