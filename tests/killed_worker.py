"""A worker that makes recordings and dies of SIGKILL when it comes to a given step.

Arguments, as JSON: database_url, redis_url, the way to the bucket, folder, step.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from voicehub.jobs import recordings as job
from voicehub.sinks.spool import Spool
from voicehub.storage import recordings as rows
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(order: dict) -> None:
    job.CLAIM_S = 0.0  # nobody waits for the dead
    put, close = Spaces.put, rows.close

    async def put_and_die(spaces, key, content, content_type):
        if "-joined-" in key and order["step"] == "before the object":
            die()
        await put(spaces, key, content, content_type)
        if "-joined-" in key and order["step"] == "after the object":
            die()

    async def close_and_die(*args):
        await close(*args)
        if order["step"] == "after the row":
            die()
        return True

    Spaces.put, rows.close = put_and_die, close_and_die
    postgres = await Postgres.connect(order["database_url"])
    async with (
        Redis.connect(order["redis_url"]) as redis,
        Spaces(region="us-east-1", **order["spaces"]) as spaces,
        Spool(Path(order["folder"]), bytes_max=1 << 30) as spool,
    ):
        await job.close_recordings(postgres, redis, spaces, spool)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
