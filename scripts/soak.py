"""Opens and closes sessions for a long time, and tells what that leaves behind in the server."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import psutil  # type: ignore[import-untyped]  # it ships no types
import structlog
import uvloop
from benches.report import Bound, Report
from benches.soak_callers import SESSION_S_MAX, Callers, Tally
from benches.stage import AGENT, Child, Stage, child, stage
from rich.console import Console

SCRIPTS = Path(__file__).parent
MINUTES, SESSIONS = 10.0, 500
# What pools, caches and the allocator reach under the load belongs to no session.
WARM_UP_SHARE = 0.2
READ_EVERY_S = 10.0
TELL_S_MAX = 30.0
# The last writes of sessions that were cut, and connections to stores that close when unused.
SETTLE_S_MAX = 90.0
SETTLE_EVERY_S = 1.0
# Memory that may be kept: arenas grow as sessions happen to fall together. Beyond it, a session
# leaves something behind.
GROWTH_BYTES_MAX = 16 << 20
# The same sessions through an upstream engine, for every second caller.
RELAYED_AGENT = "Max"
MIB = 1 << 20
LOG_COLUMNS = 160

console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_COLUMNS)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server holds."""

    tasks: int
    descriptors: int
    rss_bytes: int

    def holds_no_more_than(self, other: "Reading") -> bool:
        return self.tasks <= other.tasks and self.descriptors <= other.descriptors


@dataclass(frozen=True, slots=True)
class Server:
    child: Child

    async def read(self) -> Reading:
        os.kill(self.child.pid, signal.SIGUSR1)
        async with asyncio.timeout(TELL_S_MAX):
            told = orjson.loads(await self.child.said.readline())
        return Reading(
            told["tasks"], psutil.Process(self.child.pid).num_fds(), int(told["rss_bytes"])
        )

    async def settled(self, enough: Callable[[Reading, Reading], bool]) -> Reading:
        """The reading at which it is `enough`, by it and the one before; or the last that was
        waited for.
        """
        until_s = time.monotonic() + SETTLE_S_MAX
        before = await self.read()
        while True:
            await asyncio.sleep(SETTLE_EVERY_S)
            reading = await self.read()
            if enough(before, reading) or time.monotonic() > until_s:
                return reading
            before = reading


async def run(options: argparse.Namespace) -> Report:
    seconds = options.minutes * 60
    async with (
        stage() as scene,
        _server(scene) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        callers = Callers(http, server.child.url, scene.token, (AGENT, RELAYED_AGENT))
        await _talk(callers, server, options.sessions, seconds * WARM_UP_SHARE)
        before = await server.settled(lambda earlier, later: earlier.tasks == later.tasks)
        warm, callers.tally = callers.tally, Tally()
        console.print(f"warm: {sum(warm.done.values())} sessions were held")
        began_s = time.monotonic()
        readings = await _talk(callers, server, options.sessions, seconds * (1 - WARM_UP_SHARE))
        took_s = time.monotonic() - began_s
        after = await server.settled(lambda _, later: later.holds_no_more_than(before))
        left_open = await _left_open(scene)
    return _report(callers.tally, before, after, readings, took_s, left_open)


async def _talk(callers: Callers, server: Server, sessions: int, seconds: float) -> list[Reading]:
    """All callers for `seconds`; a line and a reading every READ_EVERY_S."""
    readings: list[Reading] = []
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(callers.talk(sessions, seconds))
        while not talking.done():
            await asyncio.wait((talking,), timeout=min(READ_EVERY_S, seconds / 4))
            reading = await server.read()
            readings.append(reading)
            _tell(time.monotonic() - began_s, callers.tally, reading)
    return readings


def _tell(passed_s: float, tally: Tally, reading: Reading) -> None:
    console.print(
        f"{passed_s:6.0f} s  done {sum(tally.done.values()):6}  open {tally.open:4}  "
        f"refused {tally.refused:3}  tasks {reading.tasks:5}  descriptors "
        f"{reading.descriptors:5}  RSS {reading.rss_bytes / MIB:6.1f} MiB",
        soft_wrap=True,
    )


@asynccontextmanager
async def _server(scene: Stage) -> AsyncIterator[Server]:
    """Half of the agents by the echo engine, half by a relay to an upstream that echoes."""
    paths = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    upstream_command = (str(SCRIPTS / "benches/upstream_echo.py"),)
    async with child(upstream_command, paths, scene.folder / "upstream.log") as upstream:
        url = f"{upstream.url.replace('http', 'ws', 1)}/v1/realtime"
        environment = {
            **paths,
            **scene.environment,
            "PORT": "0",
            "VOICEHUB_ENGINE": "echo",
            "VOICEHUB_ENGINES": orjson.dumps({"upstream": {"url": url}}).decode(),
            "VOICEHUB_SESSION_MAX_S": str(SESSION_S_MAX),
            "VOICEHUB_GRACE_S": "1",
        }
        async with scene.postgres() as postgres, postgres.connection() as conn:
            await conn.execute(
                """UPDATE ai_agents SET settings = settings || '{"engine": "upstream"}'
                WHERE name = $1""",
                RELAYED_AGENT,
            )
        command = (str(SCRIPTS / "benches/soak_server.py"),)
        async with child(command, environment, scene.folder / "voicehub.log") as server:
            yield Server(server)


async def _left_open(scene: Stage) -> dict[str, int]:
    """Rows of sessions that are not ended, by status."""
    async with scene.postgres() as postgres, postgres.connection() as conn:
        rows = await conn.fetch(
            "SELECT status, count(*) FROM sessions"
            " WHERE status NOT IN ('completed', 'failed') GROUP BY status"
        )
    return dict(rows)


def _report(
    tally: Tally,
    before: Reading,
    after: Reading,
    readings: list[Reading],
    took_s: float,
    left_open: dict[str, int],
) -> Report:
    done = sum(tally.done.values())
    grown = after.rss_bytes - before.rss_bytes
    most = max(reading.rss_bytes for reading in readings)
    odd = _listed(+tally.odd)
    return Report(
        f"{done} sessions in {took_s / 60:.1f} minutes, at most {tally.open_most} at once",
        ("", "tasks", "descriptors", "RSS MiB"),
        rows=[
            [name, str(each.tasks), str(each.descriptors), f"{each.rss_bytes / MIB:.1f}"]
            for name, each in (("idle, after the warm-up", before), ("idle, at the end", after))
        ],
        notes=[
            f"Sessions: {_listed(tally.done)}; {tally.refused} times refused, and tried again.",
            f"At most {most / MIB:.1f} MiB while they spoke, after gc.collect and malloc_trim.",
        ],
        bounds=[
            Bound(
                f"every session ended as it should ({odd or 'all of them'})", done > 0 and not odd
            ),
            Bound("no task is left", after.tasks <= before.tasks),
            Bound("no file descriptor is left", after.descriptors <= before.descriptors),
            Bound(
                f"memory grew by {grown / MIB:+.1f} MiB (at most {GROWTH_BYTES_MAX / MIB:.0f})",
                grown <= GROWTH_BYTES_MAX,
            ),
            Bound(
                f"every row of a session is ended ({_listed(left_open) or 'all of them'})",
                not left_open,
            ),
        ],
        ratios=(
            f"left behind by {done} sessions: {after.tasks - before.tasks:+} tasks, "
            f"{after.descriptors - before.descriptors:+} descriptors, {grown / MIB:+.1f} MiB "
            f"({grown / max(1, done):+.0f} bytes a session)"
        ),
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="a fifth is the warm-up")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="at once")
    options = parser.parse_args()
    # The lines are the output; what goes wrong still shows.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    report = uvloop.run(run(options))
    report.show(console)
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
