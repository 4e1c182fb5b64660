"""Carries the schedule out on a fleet, and remembers what died when."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from redis.asyncio import Redis

from tests.faults.fleet import Fleet
from tests.faults.schedule import PROCESS, Fault, Kind

# A server that is not back by then will not come.
WAIT_S_MAX = 60.0

Deed = Callable[[Fault], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Death:
    """A server that was killed or frozen, on the monotonic clock."""

    server: int
    at_s: float
    until_s: float


class Storm:
    """`deaths` and `over_s` tell the books what was to be expected."""

    def __init__(self, fleet: Fleet, on_fault: Callable[[float, Fault], None]) -> None:
        self.deaths: list[Death] = []
        self.began_s = 0.0
        self.over_s = 0.0
        """When the last fault was healed, on the monotonic clock."""
        self._fleet = fleet
        self._on_fault = on_fault
        self._deeds: dict[Kind, Deed] = {
            Kind.KILL_SERVE: self._kill_serve,
            Kind.FREEZE_SERVE: self._freeze_serve,
            Kind.TERM_SERVE: self._term_serve,
            Kind.KILL_WORKER: self._kill_worker,
            Kind.KILL_CHILD: self._kill_child,
            Kind.CUT_CLIENTS: self._cut_clients,
            Kind.PART_STORE: self._part_store,
            Kind.KILL_REDIS: self._kill_redis,
            Kind.STOP_POSTGRES: self._stop_postgres,
            Kind.KILL_SPACES: self._kill_spaces,
            Kind.REFUSE_SPACES: self._refuse_spaces,
            Kind.SLOW_STORE: self._slow_store,
            Kind.FREEZE_STORE: self._freeze_store,
            Kind.CUT_STORE: self._cut_store,
            Kind.EMPTY_REDIS: self._empty_redis,
        }

    async def run(self, faults: Sequence[Fault]) -> None:
        """Return once the last fault is healed."""
        began_s = self.began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(began_s + fault.at_s - time.monotonic())  # as the seed drew it
                if fault.kind in PROCESS:
                    began_s += await self._others_serve(fault.target)
                self._on_fault(time.monotonic() - self.began_s, fault)
                group.create_task(self._carry_out(fault))
        self.over_s = time.monotonic()

    async def _others_serve(self, target: int) -> float:
        """On a slow machine a start takes longer than the seed knows: all that follows waits. Past
        `WAIT_S_MAX` it does not. Returns the seconds that it took.
        """
        began_s = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S_MAX):
                for number, server in enumerate(self._fleet.servers):
                    if number != target:
                        await server.process.up.wait()
        return time.monotonic() - began_s

    async def _carry_out(self, fault: Fault) -> None:
        async with self._deeds[fault.kind](fault):
            await asyncio.sleep(fault.lasts_s)  # how long it lasts

    @asynccontextmanager
    async def _kill_serve(self, fault: Fault) -> AsyncIterator[None]:
        at_s = time.monotonic()
        self.deaths.append(Death(fault.target, at_s, at_s))
        self._fleet.servers[fault.target].process.signal(signal.SIGKILL)
        yield

    @asynccontextmanager
    async def _freeze_serve(self, fault: Fault) -> AsyncIterator[None]:
        at_s = time.monotonic()
        self.deaths.append(Death(fault.target, at_s, at_s + fault.lasts_s))
        process = self._fleet.servers[fault.target].process
        process.signal(signal.SIGSTOP)
        yield
        process.signal(signal.SIGCONT)

    @asynccontextmanager
    async def _term_serve(self, fault: Fault) -> AsyncIterator[None]:
        self._fleet.servers[fault.target].process.signal(signal.SIGTERM)
        yield

    @asynccontextmanager
    async def _kill_child(self, fault: Fault) -> AsyncIterator[None]:
        """Of the process that serves for longest; its supervisor starts another."""
        at_s = time.monotonic()
        self.deaths.append(Death(fault.target, at_s, at_s))
        os.kill(self._fleet.servers[fault.target].children()[0], signal.SIGKILL)
        yield

    @asynccontextmanager
    async def _kill_worker(self, fault: Fault) -> AsyncIterator[None]:
        self._fleet.workers[fault.target].signal(signal.SIGKILL)
        yield

    @asynccontextmanager
    async def _cut_clients(self, fault: Fault) -> AsyncIterator[None]:
        self._fleet.servers[fault.target].line.cut(one_in=2)
        yield

    @asynccontextmanager
    async def _part_store(self, fault: Fault) -> AsyncIterator[None]:
        line = self._fleet.servers[fault.target].stores[fault.store]
        await line.refuse()
        yield
        await line.accept()

    @asynccontextmanager
    async def _kill_redis(self, _fault: Fault) -> AsyncIterator[None]:
        await self._fleet.stack.redis.kill()
        yield
        await self._fleet.stack.redis.start()

    @asynccontextmanager
    async def _stop_postgres(self, _fault: Fault) -> AsyncIterator[None]:
        await self._fleet.stack.postgres.stop()
        yield
        await self._fleet.stack.postgres.start()

    @asynccontextmanager
    async def _kill_spaces(self, _fault: Fault) -> AsyncIterator[None]:
        await self._fleet.stack.spaces.kill()
        yield
        await self._fleet.stack.spaces.start()

    @asynccontextmanager
    async def _refuse_spaces(self, _fault: Fault) -> AsyncIterator[None]:
        lines = self._fleet.lines_to("spaces")
        for line in lines:
            await line.refuse()
        yield
        for line in lines:
            await line.accept()

    @asynccontextmanager
    async def _slow_store(self, fault: Fault) -> AsyncIterator[None]:
        lines = self._fleet.lines_to(fault.store)
        for line in lines:
            line.delay_s = fault.delay_s
        yield
        for line in lines:
            line.delay_s = 0.0

    @asynccontextmanager
    async def _freeze_store(self, fault: Fault) -> AsyncIterator[None]:
        lines = self._fleet.lines_to(fault.store)
        for line in lines:
            line.freeze()
        yield
        for line in lines:
            line.thaw()

    @asynccontextmanager
    async def _cut_store(self, fault: Fault) -> AsyncIterator[None]:
        for line in self._fleet.lines_to(fault.store):
            line.cut()
        yield

    @asynccontextmanager
    async def _empty_redis(self, _fault: Fault) -> AsyncIterator[None]:
        async with Redis.from_url(self._fleet.stack.redis_url) as redis:
            await redis.flushall()
        yield
