"""`/healthz`: this process is alive. `/readyz`: it takes new sessions, and which store is away."""

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Literal

from aiohttp import web
from pydantic import ConfigDict

from voicehub.errors import StorageError
from voicehub.keys import POSTGRES, REDIS, REGISTRY, SPACES
from voicehub.rest import answer
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation

# A store that takes longer than this is away, as far as whoever asks is concerned.
PING_DEADLINE_S = 2.0
# Without it no session can begin. Without Redis or Spaces they begin and go on: a load balancer
# that then took the server away would turn a weakness into an outage.
NEEDED = "postgres"


class Alive(Shown):
    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


class StoreHealth(Shown):
    ok: bool
    milliseconds: float
    reason: Literal["timeout", "unavailable"] | None


class Readiness(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "degraded",
                    "draining": False,
                    "stores": {
                        "postgres": {"ok": True, "milliseconds": 0.9, "reason": None},
                        "redis": {"ok": True, "milliseconds": 0.4, "reason": None},
                        "spaces": {"ok": False, "milliseconds": 2000.2, "reason": "timeout"},
                    },
                }
            ]
        }
    )

    status: Literal["ready", "degraded", "not_ready"]
    draining: bool
    stores: dict[str, StoreHealth]


@operation("Tell that this process is alive", answers=Alive)
async def alive(_: web.Request) -> Alive:
    return Alive()


@operation(
    "Tell whether this process takes sessions",
    answers=Readiness,
    also=(HTTPStatus.SERVICE_UNAVAILABLE,),
)
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
    is_ready = stores[NEEDED].ok and not is_draining
    is_whole = all(store.ok for store in results)
    if not is_ready:
        shown = Readiness(status="not_ready", draining=is_draining, stores=stores)
        return answer.shown(shown, HTTPStatus.SERVICE_UNAVAILABLE)
    status: Literal["ready", "degraded"] = "ready" if is_whole else "degraded"
    return answer.shown(Readiness(status=status, draining=is_draining, stores=stores))


async def _ping(ping: Awaitable[None]) -> StoreHealth:
    started_s = time.perf_counter()
    reason: Literal["timeout", "unavailable"] | None = None
    try:
        async with asyncio.timeout(PING_DEADLINE_S):
            await ping
    except TimeoutError:
        reason = "timeout"
    except StorageError:
        reason = "unavailable"
    # The answer is public: it names the store, never its address. The log is the store's own.
    milliseconds = round((time.perf_counter() - started_s) * 1000, 1)
    return StoreHealth(ok=reason is None, milliseconds=milliseconds, reason=reason)
