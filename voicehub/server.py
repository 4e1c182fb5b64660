"""The server as a process: it listens, and goes when it is told to; alone or as one of several."""

import gc
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import structlog
from aiohttp import web

from voicehub.app import create_app
from voicehub.errors import VoiceHubError
from voicehub.keys import REGISTRY, SETTINGS
from voicehub.live.registry import LAST_WRITES_S, Registry
from voicehub.rest.access_log import AccessLog
from voicehub.serving.leaving import Leaving, on_signals
from voicehub.serving.port import BACKLOG, Port
from voicehub.serving.supervised import serve_supervised
from voicehub.serving.supervisor import Bounds, Supervisor
from voicehub.settings import Settings
from voicehub.tasks import spawn, stop

# Connections that outlive the drain are cut after this.
SHUTDOWN_S = 5.0
# Beyond what a server takes at most to drain: its start, where it was told before it listened.
KILL_MARGIN_S = 30.0
# After how many more objects the collector looks for cycles, and how often further. Frames make
# none, and yet each of Python's own 700 was reached some times a second: 5 % of everything.
GARBAGE_THRESHOLDS = (10_000, 20, 20)

logger = structlog.get_logger(__name__)


async def serve(settings: Settings, on_ready: Callable[[str], None]) -> int:
    """Listen until SIGTERM or SIGINT, then drain; a second signal waits for no turn.

    `on_ready` is told the address. Returns how many sessions were left behind. Raises VoiceHubError
    when the port is taken, or the TLS files are no certificate and its key.
    """
    leaving = Leaving()
    with on_signals(leaving.told):
        with Port(settings.host, settings.port, reuse=settings.reuse_port) as port:
            sockets, url = port.sockets(), port.url(_scheme(settings))
        return await serve_on(settings, sockets, lambda: on_ready(url), leaving)


async def supervise(settings: Settings, on_ready: Callable[[str], None]) -> int:
    """Keep `settings.workers` servers on one port until SIGTERM or SIGINT.

    Returns how many of them did not end well. Raises VoiceHubError when none comes up.
    """
    leaving = Leaving()
    hurry_s = LAST_WRITES_S + SHUTDOWN_S + KILL_MARGIN_S
    with (
        on_signals(leaving.told),
        Port(settings.host, settings.port, reuse=settings.reuse_port) as port,
    ):
        supervisor = Supervisor(
            [sys.executable, "-m", "voicehub", "serve-child"],
            port,
            leaving,
            Bounds(settings.drain_deadline_s + hurry_s, hurry_s),
            # What options of `serve` have changed; the port they are given.
            {"VOICEHUB_DRAIN_DEADLINE_S": str(settings.drain_deadline_s)},
            lambda number: _metrics_port(settings, number),
        )
        url = port.url(_scheme(settings))
        return await supervisor.run(settings.workers, lambda: on_ready(url))


def _metrics_port(settings: Settings, number: int) -> dict[str, str]:
    """Each server has its own, the same after each start: Prometheus adds them up."""
    if not settings.metrics_port:
        return {}  # none, or a free one for each
    return {"VOICEHUB_METRICS_PORT": str(settings.metrics_port + number - 1)}


async def serve_for_supervisor(settings: Settings, line: int, sockets: Sequence[int]) -> int:
    """Serve on inherited sockets, as `supervise` asks over `line`: numbers of open files."""
    return await serve_supervised(
        lambda *given: serve_on(settings, *given),
        socket.socket(fileno=line),
        [socket.socket(fileno=each) for each in sockets],
    )


async def serve_on(
    settings: Settings,
    sockets: Sequence[socket.socket],
    on_ready: Callable[[], None],
    leaving: Leaving,
) -> int:
    """Listen on `sockets`, which are closed here, until `leaving` is asked for; then drain."""
    with ExitStack() as stack:
        for each in sockets:
            stack.callback(each.close)
        tls = _tls(settings)
        runner = web.AppRunner(
            create_app(settings),
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_S,
            access_log=logging.getLogger("voicehub.access"),
            access_log_class=AccessLog,
        )
        hurrying = spawn(_hurry(runner.app[REGISTRY], leaving), name="hurry")
        try:
            await runner.setup()
            if not leaving.asked.is_set():
                for each in sockets:
                    await web.SockSite(runner, each, ssl_context=tls, backlog=BACKLOG).start()
                _settle_memory()
                on_ready()
            await leaving.asked.wait()
            return await _leave(runner)
        finally:
            await runner.cleanup()
            await stop(hurrying)


async def _leave(runner: web.AppRunner) -> int:
    """Nobody new, then the end of the sessions; connections that are open get answers meanwhile."""
    registry = runner.app[REGISTRY]
    logger.info("draining", sessions=registry.sessions)
    for site in runner.sites:
        await site.stop()
    left = await registry.drain(runner.app[SETTINGS].drain_deadline_s)
    logger.info("drained", left=left)
    return left


async def _hurry(registry: Registry, leaving: Leaving) -> None:
    await leaving.hurried.wait()
    registry.hurry()


def _settle_memory() -> None:
    """What is there now stays to the end: a collector that looked through it each time would make
    every session wait 25 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _scheme(settings: Settings) -> str:
    return "http" if settings.tls_cert is None else "https"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        tls.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise VoiceHubError(
            f"VOICEHUB_TLS_CERT and VOICEHUB_TLS_KEY cannot be used: {error}"
        ) from error
    return tls
