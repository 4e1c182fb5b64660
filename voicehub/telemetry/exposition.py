"""`GET /metrics` for Prometheus, on an address of its own that no client reaches."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from voicehub.tasks import spawn, stop
from voicehub.telemetry.loop_lag import watch_loop
from voicehub.telemetry.telemetry import Telemetry

# A port that is taken is asked for this often, for as long as it takes: the server before this one
# may still be draining, and metrics are no reason not to serve.
RETRY_S = 2.0
SHUTDOWN_S = 1.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the metrics are served; `port` 0 takes a free one, None serves none."""

    host: str
    port: int | None
    token: str | None = None


@asynccontextmanager
async def exposed(telemetry: Telemetry, place: Place) -> AsyncIterator[None]:
    """Serve the metrics, and watch the loop, until the end of the block; then send the traces."""
    tasks = [spawn(watch_loop(telemetry.loop_lag.cell()), name="loop lag")]
    if place.port is not None:
        tasks.append(spawn(_serve(telemetry.registry, place), name="metrics"))
    try:
        yield
    finally:
        for task in tasks:
            await stop(task)
        await telemetry.tracing.aclose()


def metrics_app(registry: CollectorRegistry, token: str | None) -> web.Application:
    """With a token, who asks must bring it as a bearer token."""

    async def show(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if token is not None and not hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode()
        ):
            return web.Response(
                status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"}
            )
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app


async def _serve(registry: CollectorRegistry, place: Place) -> None:
    is_told = False
    while True:
        runner = web.AppRunner(
            metrics_app(registry, place.token),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_S,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, place.host, place.port).start()
            host, port = runner.addresses[0][:2]
            logger.info("metrics are served", host=host, port=port)
            await asyncio.get_running_loop().create_future()  # until it is cancelled
        except OSError as error:
            if not is_told:
                reason = error.strerror or type(error).__name__
                logger.warning("metrics wait for their port", port=place.port, reason=reason)
                is_told = True
        finally:
            await runner.cleanup()
        await asyncio.sleep(RETRY_S)
