"""`/healthz`: this process is alive. `/readyz`: it takes new sessions, and which store is away."""

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from voicehub.errors import StorageError
from voicehub.keys import POSTGRES, REDIS, REGISTRY, SPACES
from voicehub.rest import answer

# A store that takes longer than this is away, as far as whoever asks is concerned.
PING_DEADLINE_S = 2.0
# Without it no session can begin. Without Redis or Spaces they begin and go on: a load balancer
# that then took the server away would turn a weakness into an outage.
NEEDED = "postgres"


async def alive(_: web.Request) -> web.Response:
    return answer.json({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    pings = {
        "postgres": request.app[POSTGRES].ping(),
        "redis": request.app[REDIS].ping(),
        "spaces": request.app[SPACES].ping(),
    }
    results = await asyncio.gather(*(_ping(ping) for ping in pings.values()))
    stores = dict(zip(pings, results, strict=True))
    # A server that drains takes no new sessions: the load balancer looks elsewhere.
    is_draining = request.app[REGISTRY].draining
    is_ready = stores[NEEDED]["ok"] and not is_draining
    is_whole = all(store["ok"] for store in results)
    status = ("ready" if is_whole else "degraded") if is_ready else "not_ready"
    return answer.json(
        {"status": status, "draining": is_draining, "stores": stores},
        HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


async def _ping(ping: Awaitable[None]) -> dict[str, Any]:
    started_s = time.perf_counter()
    reason = None
    try:
        async with asyncio.timeout(PING_DEADLINE_S):
            await ping
    except TimeoutError:
        reason = "timeout"
    except StorageError:
        reason = "unavailable"
    # The answer is public: it names the store, never its address. The log is the store's own.
    return {
        "ok": reason is None,
        "milliseconds": round((time.perf_counter() - started_s) * 1000, 1),
        **({"reason": reason} if reason else {}),
    }
