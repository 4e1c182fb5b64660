import asyncio
from typing import Any, cast

import uvloop
from aiohttp import web

from voicehub.ids import new_id
from voicehub.live.connection import Connection
from voicehub.live.driver import Driver
from voicehub.session import events

FAR_MS = 3_600_000.0


class Core:
    """Asks to be woken at `at_ms`, and notes what it is told."""

    def __init__(self, at_ms: float) -> None:
        self.at_ms: float | None = at_ms
        self.seen: list[str] = []
        self.woken = asyncio.Event()

    def deadline_ms(self) -> float | None:
        return self.at_ms

    def handle(self, event: events.Event, _now_ms: float) -> list[Any]:
        self.seen.append(type(event).__name__)
        if isinstance(event, events.Woke):
            self.woken.set()
            self.at_ms = None
        return []


def driver(core: Core) -> Driver:
    """On the loop that the server runs on; nothing but its clock is used."""
    parts: dict[str, Any] = dict.fromkeys(("engine", "sinks", "lease"))
    connection = Connection(web.WebSocketResponse(), lambda: None, new_id)
    return Driver(1, core=cast("Any", core), connection=connection, wall_ms=lambda: 0.0, **parts)


def now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000


def test_a_deadline_that_is_due_already_wakes_the_session_however_many_events_come_first():
    async def work() -> list[str]:
        core = Core(now_ms())
        timed = driver(core)
        timed._apply(events.ClientLeft(clean=True))
        timed._apply(events.ClientLeft(clean=True))
        await core.woken.wait()
        return core.seen

    assert uvloop.run(work()) == ["ClientLeft", "ClientLeft", "Woke"]


def test_a_deadline_that_comes_nearer_is_kept():
    async def work() -> list[str]:
        core = Core(now_ms() + FAR_MS)
        timed = driver(core)
        timed._apply(events.ClientLeft(clean=True))
        core.at_ms = now_ms() + 5
        timed._apply(events.ClientLeft(clean=True))
        await core.woken.wait()
        return core.seen

    assert uvloop.run(work())[-1] == "Woke"


def test_a_deadline_that_moves_on_needs_no_new_timer():
    async def work() -> bool:
        core = Core(now_ms() + FAR_MS)
        timed = driver(core)
        timed._apply(events.ClientLeft(clean=True))
        armed = timed._timer
        core.at_ms = now_ms() + 2 * FAR_MS
        timed._apply(events.ClientLeft(clean=True))
        same = timed._timer is armed
        timed._disarm()
        return same

    assert uvloop.run(work())
