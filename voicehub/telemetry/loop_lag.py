"""Watches how late the event loop comes to what is due: a busy or blocked loop delays everybody."""

import asyncio

from voicehub.telemetry.metric import Distribution

EVERY_S = 0.5


async def watch_loop(lag: Distribution) -> None:
    """Observe, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lag.observe(max(0.0, loop.time() - due_s))
