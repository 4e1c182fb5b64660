import asyncio
import time

from voicehub.tasks import spawn, stop
from voicehub.telemetry import loop_lag


class Lag(asyncio.Queue):
    observe = asyncio.Queue.put_nowait


async def test_a_loop_that_was_blocked_shows(monkeypatch):
    monkeypatch.setattr(loop_lag, "EVERY_S", 0.01)
    lag = Lag()
    watching = spawn(loop_lag.watch_loop(lag), name="watch")
    async with asyncio.timeout(10):
        await lag.get()  # from now on a timer runs
        time.sleep(0.1)  # noqa: ASYNC251  # what it must notice
        while await lag.get() < 0.03:
            pass
    await stop(watching)
