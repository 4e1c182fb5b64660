"""Faults over a fleet full of callers, and the books afterwards."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.faults import books, rolling, schedule
from tests.faults.books import Books
from tests.faults.caller import Caller, Habits, Ledger
from tests.faults.fleet import Fleet, fleet
from tests.faults.schedule import Fault
from tests.faults.storm import Storm

# Sessions open one after the other: all at once is another test.
OPEN_EVERY_S = 0.1
# Between the last caller in and the first fault.
CALM_S = 3.0
ENDED_WITHIN_S = 60.0
POLL_S = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    seconds: float
    sessions: int
    servers: int
    workers: int
    keep: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)
    habits: Habits = field(default_factory=Habits)
    faults: Sequence[Fault] | None = None
    """Instead of those that the seed draws. Then each session has to outlive them."""
    direct: bool = False
    """No proxies: where the faults break no line."""


async def run(plan: Plan, say: Say) -> Books:
    """The whole run; `say` is told what happens."""
    faults = plan.faults
    if faults is None:
        faults = schedule.drawn(plan.seed, plan.seconds, servers=plan.servers, workers=plan.workers)
    async with fleet(
        servers=plan.servers,
        workers=plan.workers,
        keep=plan.keep,
        direct=plan.direct,
        **plan.variables,
    ) as built:
        say(f"{plan.servers} servers and {plan.workers} workers run")
        return await _weather(plan, built, faults, say)


async def _weather(plan: Plan, built: Fleet, faults: Sequence[Fault], say: Say) -> Books:
    storm = Storm(built, lambda at_s, fault: say(f"{at_s:6.1f} s  {fault}"))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        callers = _callers(plan, built, http, leave := asyncio.Event())
        async with asyncio.TaskGroup() as talking:
            for caller in callers:
                talking.create_task(caller.run())
                await asyncio.sleep(OPEN_EVERY_S)  # they come one by one
            say(f"{plan.sessions} callers talk")
            await asyncio.sleep(CALM_S)  # so that the first fault meets conversations
            await storm.run(faults)
            say("the storm is over")
            stuck = await _outlived(plan, built, callers, say)
            leave.set()
        left_s = storm.over_s if plan.faults is None else time.monotonic()
        ledgers = [ledger for caller in callers for ledger in caller.books]
        late = await _quiet(built, ledgers, left_s, say)
    audited = await books.audit(built, ledgers, storm, late)
    if plan.faults is not None:
        await rolling.audit(audited, built, ledgers, stuck, killed=bool(storm.deaths))
    return audited


async def _outlived(plan: Plan, built: Fleet, callers: Sequence[Caller], say: Say) -> list[Ledger]:
    """The sessions that do not go on after the faults, if they have to."""
    if plan.faults is None:
        return []
    ledgers = [caller.books[-1] for caller in callers if caller.books]
    stuck = await rolling.stuck(built, ledgers)
    say(f"{len(ledgers) - len(stuck)} sessions go on")
    return stuck


def _callers(
    plan: Plan, built: Fleet, http: aiohttp.ClientSession, leave: asyncio.Event
) -> list[Caller]:
    return [
        Caller(
            number,
            urls=[server.url for server in built.servers],
            token=built.token,
            http=http,
            seed=plan.seed,
            leave=leave,
            habits=plan.habits,
        )
        for number in range(plan.sessions)
    ]


async def _quiet(built: Fleet, ledgers: Iterable[Ledger], over_s: float, say: Say) -> list[int]:
    """Wait until all have ended and all recordings are made. Returns the sessions that did not."""
    ids = {ledger.session_id for ledger in ledgers}
    while True:
        rows = await books.rows_of(built)
        waited_s = time.monotonic() - over_s
        living = [n for n in ids if n in rows and rows[n]["status"] not in books.ENDED]
        made = [rows[n]["data"].get("recording", {}) for n in ids if n in rows]
        unmade = sum(
            each.get("state") in {"recording", "processing"} or each.get("has_leftovers", False)
            for each in made
        )
        if not living and not unmade:
            say(f"all have ended, all recordings are made, {waited_s:.1f} s after the last fault")
            return []
        if waited_s > ENDED_WITHIN_S:
            say(f"{len(living)} have not ended, {unmade} recordings are not made")
            return sorted(living)
        await asyncio.sleep(POLL_S)  # the sweeper and the jobs take their time
