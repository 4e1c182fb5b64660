"""A worker for `test_settle_killed.py`: tasks that settle, and something that kills them.

Runs until SIGKILL. Each line on standard output is one kill that it made in itself.
"""

import asyncio
import os
import random
import sys

from voicehub.errors import StorageError
from voicehub.jobs.settle import settle_all
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis

TASKS = 4
# Between two kills: about as long as one settlement of all sessions takes.
PAUSE_S_MAX = 0.12


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def settle_for_ever(postgres, redis):
    while True:
        try:
            await settle_all(postgres, redis)
        except StorageError:
            await asyncio.sleep(0)  # a connection was cut: again


async def cut_connections(postgres, number):
    """Postgres ends that many of our connections, wherever each stands."""
    async with postgres.connection() as conn:
        await conn.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT $1",
            number,
        )


async def main(seed):
    randomness = random.Random(seed)
    # asyncpg leaves futures of cut connections behind that nobody asks.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with (
        Redis.connect(os.environ["REDIS_URL"]) as redis,
        asyncio.TaskGroup() as group,
    ):
        postgres = await Postgres.connect(os.environ["DATABASE_URL"])
        tasks = [group.create_task(settle_for_ever(postgres, redis)) for _ in range(TASKS)]
        say("ready")
        while True:
            await asyncio.sleep(randomness.uniform(0, PAUSE_S_MAX))
            if randomness.random() < 0.25:
                try:
                    await cut_connections(postgres, randomness.randint(1, 4))
                except StorageError:
                    continue
            else:
                place = randomness.randrange(TASKS)
                tasks[place].cancel()
                tasks[place] = group.create_task(settle_for_ever(postgres, redis))
            say("killed")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
