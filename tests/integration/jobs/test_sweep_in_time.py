"""The sweeper's promise, with a real worker and real time: 30 s after an owner's last renewal."""

import asyncio
import sys

from voicehub.jobs.sweep import LOOK_EVERY_S
from voicehub.storage import lease

PROMISE_S = 30.0
SESSIONS = 20


async def start_worker(environment):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicehub", "worker"),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )


async def read_until(worker, words, times=1):
    """Read the worker's log as far as the line that has these words for the n-th time."""
    while times:
        line = await worker.stderr.readline()
        assert line, "the worker has ended"
        times -= words in line


async def renew_for_ever(owner):
    while True:
        await owner.renew()
        await asyncio.sleep(lease.RENEW_EVERY_S)  # as an owner does


async def test_sessions_of_a_dead_owner_are_ended_in_time_and_those_of_a_living_one_are_not(
    team, new_owner, store_environment, tmp_path
):
    settings = {"VOICEHUB_JWT_KEYS": "k1:" + "s" * 40, "VOICEHUB_SPOOL": str(tmp_path)}
    worker = await start_worker({**store_environment, **settings})
    try:
        await read_until(worker, b"worker started")
        alive = await new_owner()
        dead = [await new_owner() for _ in range(SESSIONS)]
        for owner in dead:
            await owner.say(1)
            await owner.book(1, 5)
            await owner.renew()
        async with asyncio.timeout(PROMISE_S), asyncio.TaskGroup() as group:
            renewing = group.create_task(renew_for_ever(alive))
            await read_until(worker, b"lost session ended", SESSIONS)
            renewing.cancel()
        for owner in dead:
            row = await owner.row()
            assert (row["status"], len(row["data"]["transcript"])) == ("failed", 1)
            # By its own lease at the earliest.
            life_s = (row["ended_at"] - row["started_at"]).total_seconds()
            assert life_s < PROMISE_S - 2 * LOOK_EVERY_S
        assert (await alive.row())["status"] == "in_progress"
        assert await team.used() == (SESSIONS * 5, 0)
    finally:
        worker.terminate()
        await worker.stderr.read()
        assert await worker.wait() == 0
