"""`voicehub serve` that tells what it holds: on SIGUSR1, its tasks and its resident memory."""

import asyncio
import signal

import orjson
import uvloop
from benches.memory import trimmed_rss_bytes

from voicehub import logs
from voicehub.server import serve
from voicehub.settings import Settings


def tell() -> None:
    # First what is garbage goes, and what the allocator keeps back: neither is held by anyone.
    rss = trimmed_rss_bytes()
    told = {"tasks": len(asyncio.all_tasks()), "rss_bytes": rss}
    print(orjson.dumps(told).decode(), flush=True)


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    await serve(Settings(), lambda url: print(url, flush=True))


if __name__ == "__main__":
    logs.configure("console")
    uvloop.run(main())
