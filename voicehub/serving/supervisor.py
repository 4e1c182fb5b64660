"""`voicehub serve --workers N`: starts N servers on one port, and starts anew what dies.

Servers are fresh interpreters, not forks: the speech models run threads, which no fork survives.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from voicehub.errors import VoiceHubError
from voicehub.serving.child import Child
from voicehub.serving.leaving import Leaving
from voicehub.serving.port import Port, PortError
from voicehub.serving.supervised import DRAIN, HURRY
from voicehub.tasks import spawn, stop

# A server that died is started again after this, doubled each time up to the second, and from the
# beginning once one has served for the third.
PAUSE_S_MIN = 0.5
PAUSE_S_MAX = 30.0
SETTLED_S = 60.0
# Before any server listened, so many that fail to start end the supervisor: it is our settings or
# our stores. Later it is tried for ever, since the others still serve.
FAILED_STARTS_MAX = 3

logger = structlog.get_logger(__name__)


class SupervisorError(VoiceHubError):
    """No server comes up."""


@dataclass(slots=True)
class Pauses:
    """How long to wait before the next start of one server."""

    min_s: float = PAUSE_S_MIN
    max_s: float = PAUSE_S_MAX
    settled_s: float = SETTLED_S
    _next_s: float = 0.0

    def after(self, served_s: float) -> float:
        """The pause after a server that served for so long."""
        if not self._next_s or served_s >= self.settled_s:
            self._next_s = self.min_s
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, self.max_s)
        return pause_s


@dataclass(slots=True)
class Bounds:
    """How long servers have to go away, at a drain and in a hurry; then they are killed."""

    drain_s: float
    hurry_s: float
    pauses: Callable[[], Pauses] = field(default=Pauses)


class Supervisor:
    """`run` returns when all servers have ended, as `leaving` asked them to."""

    def __init__(
        self,
        command: Sequence[str],
        port: Port,
        leaving: Leaving,
        bounds: Bounds,
        environment: Mapping[str, str] | None = None,
        own_environment: Callable[[int], Mapping[str, str]] = lambda _number: {},
    ) -> None:
        """`own_environment`: what the server of that number, from 1, has beside `environment`."""
        self._command = command
        self._port = port
        self._leaving = leaving
        self._bounds = bounds
        self._environment = environment or {}
        self._own_environment = own_environment
        self._ready: set[int] = set()
        self._failed_starts = 0
        self._has_listened = False
        self._fault: SupervisorError | None = None
        self._unclean = 0

    async def run(self, workers: int, on_ready: Callable[[], None]) -> int:
        """Keep `workers` servers until told to leave; `on_ready` once, when all have listened.

        Returns how many of them did not end well. Raises SupervisorError when none comes up.
        """

        def ready(number: int) -> None:
            self._has_listened = True
            if number not in self._ready:
                self._ready.add(number)
                if len(self._ready) == workers:
                    on_ready()

        async with asyncio.TaskGroup() as keeping:
            for number in range(1, workers + 1):
                keeping.create_task(self._keep(number, ready), name=f"server {number}")
        if self._fault is not None:
            raise self._fault
        return self._unclean

    async def _keep(self, number: int, ready: Callable[[int], None]) -> None:
        pauses = self._bounds.pauses()
        while not self._leaving.asked.is_set():
            served_s = await self._one_life(number, ready)
            if self._leaving.asked.is_set():
                return
            pause_s = pauses.after(served_s)
            logger.info("server starts again", number=number, in_s=pause_s)
            try:
                async with asyncio.timeout(pause_s):
                    await self._leaving.asked.wait()
            except TimeoutError:
                continue

    async def _one_life(self, number: int, ready: Callable[[int], None]) -> float:
        """Start a server and see it to its end; for how long it served."""
        try:
            environment = {**self._environment, **self._own_environment(number)}
            child = await Child.start(self._command, self._port.sockets(), environment)
        except (OSError, PortError) as error:
            # The system is out of something; the other servers have it, and go on.
            logger.warning("server not started", number=number, error=type(error).__name__)
            self._note_failed_start(type(error).__name__)
            return 0.0
        logger.info("server started", number=number, pid=child.pid)
        began_s = time.monotonic()
        ordering = spawn(self._give_orders(child), name="orders")
        try:
            code = await child.ended(lambda: ready(number))
        finally:
            await stop(ordering)
        self._note_end(number, child, code)
        return time.monotonic() - began_s if child.is_ready else 0.0

    def _note_end(self, number: int, child: Child, code: int) -> None:
        if self._leaving.asked.is_set():
            self._unclean += code != 0
        if code:
            logger.warning(
                "server ended",
                number=number,
                pid=child.pid,
                exit_code=code,
                **({"reason": child.failure} if child.failure else {}),
            )
        if not child.is_ready:
            self._note_failed_start(child.failure or f"exit code {code}")

    def _note_failed_start(self, reason: str) -> None:
        if self._has_listened or self._leaving.asked.is_set():
            return
        self._failed_starts += 1
        if self._failed_starts >= FAILED_STARTS_MAX:
            self._fault = SupervisorError(f"The servers do not start: {reason}")
            self._leaving.hurry()

    async def _give_orders(self, child: Child) -> None:
        await self._leaving.asked.wait()
        child.tell(DRAIN)
        try:
            async with asyncio.timeout(self._bounds.drain_s):
                await self._leaving.hurried.wait()
            child.tell(HURRY)
            await asyncio.sleep(self._bounds.hurry_s)
        except TimeoutError:
            pass
        logger.error("server killed: it did not end", pid=child.pid)
        child.kill()
