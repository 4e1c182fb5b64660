"""The cost of a transcript's line, the first and the last thousand of 10,000."""

import argparse
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benches.report import Bound, Report
from benches.stage import Stage, cpu_s, stage

from voicehub.sinks.transcript import TranscriptSink, fold_after_s
from voicehub.storage import ownership, sessions
from voicehub.storage.lines import Line
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Connection, Postgres
from voicehub.storage.redis import Redis

LINES, WINDOW_LINES = 10_000, 1_000
SINGLY_AT = (100, 1_000, 5_000)
SINGLE_LINES = 50
# A conversation at its own pace, which waits for no tenth: folds come by the clock.
PACE_LINE_S = 4.0
PACE_AT = 900  # after an hour
PACE_FOLDS = 5
WARM_UP_LINES = 200
# Enough for two windows in which folding costs what it does later.
QUICK_LINES, QUICK_WINDOW_LINES = 2_000, 500
QUICK_SINGLY_AT = (100, 1_000)
RATIO_MAX = 2.0
MS = 1_000
_TEXT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, line {}.",
    "Yes, I can do that for you; give me one moment, please. That was number {}.",
)


class TimedPostgres(Postgres):
    """Adds up how long connections were in use: the statements, and the way there and back."""

    used_s = 0.0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as conn:
            began_s = time.perf_counter()
            try:
                yield conn
            finally:
                self.used_s += time.perf_counter() - began_s


@dataclass(frozen=True, slots=True)
class Cost:
    """Of some lines in a row."""

    name: str
    lines: int
    wall_s: float
    postgres_s: float
    postgres_cpu_s: float
    wal_bytes: int

    @property
    def wall_ms(self) -> float:
        return self.wall_s / self.lines * MS

    @property
    def postgres_ms(self) -> float:
        return self.postgres_s / self.lines * MS

    @property
    def line_wal_bytes(self) -> float:
        return self.wal_bytes / self.lines

    def row(self) -> list[str]:
        return [
            self.name,
            str(self.lines),
            f"{self.wall_ms:.3f}",
            f"{self.postgres_ms:.3f}",
            f"{self.postgres_cpu_s / self.lines * MS:.3f}",
            f"{self.line_wal_bytes:.0f}",
        ]


class Folds:
    """What each fold took in Postgres, shared out over the lines that it folded.

    By windows alone, the last one would hold one fold or two, by chance.
    """

    def __init__(self, postgres: TimedPostgres) -> None:
        self._postgres = postgres
        self._used_s = postgres.used_s
        self._line_ms: list[float] = []

    def note(self, upto: int) -> None:
        """The lines up to `upto` are folded."""
        used_s, self._used_s = self._postgres.used_s - self._used_s, self._postgres.used_s
        lines = upto - len(self._line_ms)
        self._line_ms += [used_s / lines * MS] * lines

    def growth(self, window: int) -> float:
        """How many times the first `window` lines' cost the last ones of those folded so far is."""
        return sum(self._line_ms[-window:]) / sum(self._line_ms[:window])


class Gauge:
    """Reads clocks and counters; `cost` is what was spent since the last reading."""

    def __init__(self, postgres: TimedPostgres, postgres_pid: int) -> None:
        self._postgres = postgres
        self._pid = postgres_pid
        self._last = (0.0, 0.0, 0.0, 0)

    async def begin(self) -> None:
        self._last = await self._read()

    async def cost(self, name: str, lines: int) -> Cost:
        now = await self._read()
        wall_s, used_s, spent_s, wal = (
            after - before for after, before in zip(now, self._last, strict=True)
        )
        self._last = await self._read()
        return Cost(name, lines, wall_s, used_s, spent_s, int(wal))

    async def _read(self) -> tuple[float, float, float, int]:
        wall_s, used_s = time.perf_counter(), self._postgres.used_s
        async with Postgres.connection(self._postgres) as conn:
            wal = await conn.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
        return wall_s, used_s, cpu_s(self._pid, family=True), int(wal)


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lines", type=int, help=f"in all; {LINES} by default")


async def run(options: argparse.Namespace) -> Report:
    lines = options.lines or (QUICK_LINES if options.quick else LINES)
    window = QUICK_WINDOW_LINES if options.quick else WINDOW_LINES
    async with stage() as scene, Redis.connect(scene.stack.redis_url) as redis:
        postgres = await TimedPostgres.connect(scene.stack.database_url)
        try:
            gauge = Gauge(postgres, scene.store_pids()["Postgres"])
            # Connections, scripts and statements are made ready by lines that do not count.
            await _in_batches(scene, postgres, redis, gauge, WARM_UP_LINES, WARM_UP_LINES)
            costs, growth = await _in_batches(scene, postgres, redis, gauge, lines, window)
            places = QUICK_SINGLY_AT if options.quick else SINGLY_AT
            singly = [await _singly(scene, postgres, redis, gauge, place) for place in places]
            singly.insert(0, await _at_pace(scene, postgres, redis, gauge))
        finally:
            await postgres.close()
    return _report(costs, growth, singly, window)


async def _in_batches(
    scene: Stage,
    postgres: TimedPostgres,
    redis: Redis,
    gauge: Gauge,
    lines: int,
    window: int,
) -> tuple[list[Cost], float]:
    """The sink as a session has it; a line is kept when the one before is safe.

    Returns the cost of each window, and by how much a line's share of folding grew.
    """
    owned = await scene.own_session(postgres, redis)
    folds = Folds(postgres)
    sink = TranscriptSink(redis=redis, postgres=postgres, owned=owned, on_folded=folds.note)
    sink.start()
    costs: list[Cost] = []
    await gauge.begin()
    for sequence in range(1, lines + 1):
        await sink.keep(sequence, _line(sequence))
        if sequence % window == 0:
            costs.append(await gauge.cost(f"lines to {sequence:,}", window))
    growth = folds.growth(window)
    # Each window leaves up to a tenth unfolded to the next; the end pays for the last of it.
    await sink.finish()
    costs.append(await gauge.cost("the fold at the end", window))
    async with postgres.connection() as conn:
        row = await sessions.get(conn, owned.team_id, owned.session_id)
    assert row is not None
    assert [line["order"] for line in row.data["transcript"]] == list(range(1, lines + 1))
    return costs, growth


async def _singly(
    scene: Stage, postgres: TimedPostgres, redis: Redis, gauge: Gauge, place: int
) -> Cost:
    """The same statement, once a line, in a transcript of `place` lines."""
    owned = await scene.own_session(postgres, redis)
    first = place - SINGLE_LINES // 2
    await _fold(postgres, owned, range(1, first + 1))
    await gauge.begin()
    for sequence in range(first + 1, first + SINGLE_LINES + 1):
        await _fold(postgres, owned, range(sequence, sequence + 1))
    return await gauge.cost(f"one UPDATE a line, at {place:,}", SINGLE_LINES)


async def _at_pace(scene: Stage, postgres: TimedPostgres, redis: Redis, gauge: Gauge) -> Cost:
    """The batches that the sink's clock makes of lines which are spoken, after an hour."""
    owned = await scene.own_session(postgres, redis)
    last = PACE_AT
    await _fold(postgres, owned, range(1, last + 1))
    await gauge.begin()
    for _ in range(PACE_FOLDS):
        first, last = last + 1, last + round(fold_after_s(last) / PACE_LINE_S)
        await _fold(postgres, owned, range(first, last + 1))
    name = f"a line each {PACE_LINE_S:g} s, after an hour"
    return await gauge.cost(name, last - PACE_AT)


async def _fold(postgres: Postgres, owned: Owned, sequences: range) -> None:
    entries = [(sequence, _line(sequence)) for sequence in sequences]
    async with postgres.connection() as conn:
        await ownership.fold(conn, owned.team_id, owned.session_id, owned.token, entries)


def _line(sequence: int) -> Line:
    start_ms = sequence * 4_000
    return {
        "transcript": _TEXT[sequence % 2].format(sequence),
        "timestamp": f"2025-01-01T{start_ms // 3_600_000 % 24:02}:00:00.000Z",
        "speaker": ("user", "agent")[sequence % 2],
        "item_id": f"item_{sequence:024x}",
        "start_ms": start_ms,
        "end_ms": start_ms + 3_500,
        "interrupted": False,
        "order": float(sequence),
    }


def _report(costs: list[Cost], growth: float, singly: list[Cost], window: int) -> Report:
    lines = window * (len(costs) - 1)
    line_ms = sum(cost.postgres_s for cost in costs) / lines * MS
    line_wal_bytes = sum(cost.wal_bytes for cost in costs) / lines
    *costs, end = costs
    first, last = costs[0], costs[-1]
    wall = last.wall_ms / first.wall_ms
    shown = [first, *costs[1:-1:3], last] if len(costs) > 3 else costs
    return Report(
        "Transcript lines into one session",
        ("", "lines", "ms/line", "in Postgres", "Postgres CPU", "WAL B/line"),
        rows=[cost.row() for cost in (*shown, end, *singly)],
        notes=[
            (
                "ms/line: until the line is safe, folding included; in Postgres: a connection in "
                "use; Postgres CPU: all its processes, by the system's accounting."
            ),
        ],
        bounds=[
            Bound(
                f"the last {window:,} lines cost {wall:.2f} times the first (limit {RATIO_MAX:g})",
                wall <= RATIO_MAX,
            ),
            Bound(
                f"and {growth:.2f} times the first in Postgres, each fold shared out over its "
                f"lines (limit {RATIO_MAX:g})",
                growth <= RATIO_MAX,
            ),
        ],
        ratios=(
            f"last to first: {wall:.2f} wall, {growth:.2f} Postgres; one UPDATE a line at "
            f"{singly[-1].name.rpartition(' ')[2]}: {singly[-1].postgres_ms / line_ms:.0f} times "
            f"the Postgres time and {singly[-1].line_wal_bytes / line_wal_bytes:.0f} times the WAL "
            "of a line in batches"
        ),
    )
