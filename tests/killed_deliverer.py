"""A worker that sends a webhook and dies of SIGKILL before it has written down that it did.

Arguments, as JSON: database_url.
"""

import asyncio
import json
import os
import signal
import sys

from voicehub.jobs import webhooks
from voicehub.storage import webhook_deliveries
from voicehub.storage.postgres import Postgres


async def main(order: dict) -> None:
    webhooks.CLAIM_S = 0.0  # nobody waits for the dead

    async def die(*_: object) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    webhook_deliveries.delivered = die
    postgres = await Postgres.connect(order["database_url"])
    await webhooks.Deliverer(postgres, to_private=True).deliver()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
