"""`/healthz`: this process is alive. `/readyz`: each store answers, or which one does not."""

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from voicehub.errors import StorageError
from voicehub.keys import POSTGRES, REDIS, REGISTRY, SPACES
from voicehub.rest import answer

# A store that takes longer than this is down, as far as a load balancer is concerned.
PING_DEADLINE_S = 2.0

_log = structlog.get_logger(__name__)


async def alive(_: web.Request) -> web.Response:
    return answer.json({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    pings = {
        "postgres": request.app[POSTGRES].ping(),
        "redis": request.app[REDIS].ping(),
        "spaces": request.app[SPACES].ping(),
    }
    results = await asyncio.gather(*(_ping(name, ping) for name, ping in pings.items()))
    stores = dict(zip(pings, results, strict=True))
    # A server that drains takes no new sessions: the load balancer looks elsewhere.
    is_draining = request.app[REGISTRY].draining
    is_ready = all(store["ok"] for store in results) and not is_draining
    return answer.json(
        {
            "status": "ready" if is_ready else "not_ready",
            "draining": is_draining,
            "stores": stores,
        },
        HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


async def _ping(name: str, ping: Awaitable[None]) -> dict[str, Any]:
    started_s = time.perf_counter()
    reason = None
    try:
        async with asyncio.timeout(PING_DEADLINE_S):
            await ping
    except TimeoutError:
        reason = "timeout"
    except StorageError:
        reason = "unavailable"
    if reason is not None:
        # The answer is public: it names the store, never its address.
        _log.warning("store is down", store=name, reason=reason)
    return {
        "ok": reason is None,
        "milliseconds": round((time.perf_counter() - started_s) * 1000, 1),
        **({"reason": reason} if reason else {}),
    }
