"""What breaks when: drawn from a seed, within what is promised.

The promise is the death of any one process *or* store. So a store heals for `HEAL_S` before another
store or a process that owns sessions is broken, and Redis is emptied only where the sessions of
dead processes are over. Workers own nothing, and lines to clients lose nothing: these break at any
time.
"""

import random
from dataclasses import dataclass, field
from enum import StrEnum

HEAL_S = 8.0
# A process that was killed serves again by then. One at least always does.
BACK_S = 8.0
# A dead process's sessions are taken over or swept by then.
SWEPT_S = 45.0
FIRST_S = 5.0
STEP_S = (1.5, 4.0)
# Of the run, when Redis is emptied; a shorter run has no time for it.
FLUSHES_AT = (0.45, 0.85)
FLUSHED_RUN_S_MIN = 240.0


class Kind(StrEnum):
    KILL_SERVE = "kill -9 of a serve process"
    FREEZE_SERVE = "a serve process frozen"
    TERM_SERVE = "a serve process drained and started again"
    KILL_WORKER = "kill -9 of a worker"
    KILL_CHILD = "kill -9 of one of a server's processes"
    CUT_CLIENTS = "a server's clients cut"
    PART_STORE = "one process cut off from one store"
    KILL_REDIS = "kill -9 of Redis"
    STOP_POSTGRES = "Postgres stopped"
    KILL_SPACES = "kill -9 of Spaces"
    REFUSE_SPACES = "Spaces refused"
    SLOW_STORE = "a store slow"
    FREEZE_STORE = "a store frozen"
    CUT_STORE = "connections to a store cut"
    EMPTY_REDIS = "Redis emptied"


# How often each is drawn, and for how long it lasts.
PROCESS = {Kind.KILL_SERVE: 12, Kind.FREEZE_SERVE: 2, Kind.TERM_SERVE: 3}
STORE = {
    Kind.KILL_REDIS: 3,
    Kind.STOP_POSTGRES: 3,
    Kind.REFUSE_SPACES: 3,
    Kind.KILL_SPACES: 1,
    Kind.PART_STORE: 1,
    Kind.SLOW_STORE: 1,
    Kind.FREEZE_STORE: 1,
    Kind.CUT_STORE: 2,
}
ANY_TIME = {Kind.KILL_WORKER: 2, Kind.CUT_CLIENTS: 2}
LASTS_S = {
    Kind.FREEZE_SERVE: (2.0, 25.0),
    Kind.PART_STORE: (2.0, 10.0),
    Kind.KILL_REDIS: (0.5, 6.0),
    Kind.STOP_POSTGRES: (1.0, 8.0),
    Kind.KILL_SPACES: (0.5, 6.0),
    Kind.REFUSE_SPACES: (3.0, 20.0),
    Kind.SLOW_STORE: (3.0, 8.0),
    Kind.FREEZE_STORE: (1.0, 6.0),
}
STORE_NAMES = ("postgres", "redis", "spaces")
DELAY_S = (0.2, 1.5)


@dataclass(frozen=True, slots=True)
class Fault:
    at_s: float
    kind: Kind
    lasts_s: float = 0.0
    target: int = 0
    """Which process."""
    store: str = ""
    delay_s: float = 0.0

    @property
    def ends_s(self) -> float:
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        of_process = self.kind in PROCESS or self.kind in {
            *(Kind.KILL_WORKER, Kind.KILL_CHILD, Kind.CUT_CLIENTS, Kind.PART_STORE)
        }
        where = [f"number {self.target}"] if of_process else []
        where += [self.store] if self.store else []
        where += [f"by {self.delay_s:.1f} s"] if self.delay_s else []
        where += [f"for {self.lasts_s:.1f} s"] if self.lasts_s else []
        return f"{self.kind}{': ' if where else ''}{', '.join(where)}"


@dataclass(slots=True)
class _Last:
    """When the last fault of its kind was over."""

    store_s: float = -HEAL_S
    process_s: float = -SWEPT_S
    back_s: dict[int, float] = field(default_factory=dict)
    """When a server that was broken serves again."""

    def note(self, fault: Fault) -> None:
        if fault.kind in PROCESS:
            self.process_s = max(self.process_s, fault.ends_s)
            self.back_s[fault.target] = fault.ends_s + BACK_S
        elif fault.kind not in ANY_TIME:
            self.store_s = fault.ends_s

    def serving(self, at_s: float, servers: int) -> list[int]:
        return [number for number in range(servers) if self.back_s.get(number, 0.0) <= at_s]


def drawn(seed: int, seconds: float, *, servers: int, workers: int) -> list[Fault]:
    """The faults of a run; the same seed draws the same ones. All are over by `seconds`."""
    dice = random.Random(seed)
    flushes = [seconds * share for share in FLUSHES_AT if seconds >= FLUSHED_RUN_S_MIN]
    faults: list[Fault] = []
    last = _Last()
    at_s = FIRST_S
    while at_s < seconds:
        if flushes and at_s >= flushes[0]:
            fault = Fault(flushes.pop(0), Kind.EMPTY_REDIS)
        else:
            fault = _draw(dice, at_s, last, flushes, servers=servers, workers=workers)
        if fault is not None and fault.ends_s <= seconds:
            faults.append(fault)
            last.note(fault)
        at_s += dice.uniform(*STEP_S)
    return sorted(faults, key=lambda each: each.at_s)


def _draw(
    dice: random.Random,
    at_s: float,
    last: _Last,
    flushes: list[float],
    *,
    servers: int,
    workers: int,
) -> Fault | None:
    weights = {kind: n for kind, n in ANY_TIME.items() if workers or kind is not Kind.KILL_WORKER}
    to_flush_s = flushes[0] - at_s if flushes else float("inf")
    healed = at_s >= last.store_s + HEAL_S
    serving = last.serving(at_s, servers)
    if healed and to_flush_s > SWEPT_S and len(serving) > 1:
        weights |= PROCESS
    if healed and at_s >= last.process_s + STEP_S[0]:
        weights |= STORE
    (kind,) = dice.choices(list(weights), list(weights.values()))
    lasts_s = round(dice.uniform(*LASTS_S[kind]), 1) if kind in LASTS_S else 0.0
    needs_store = kind in {Kind.SLOW_STORE, Kind.FREEZE_STORE, Kind.CUT_STORE, Kind.PART_STORE}
    fault = Fault(
        at_s=round(at_s, 1),
        kind=kind,
        lasts_s=lasts_s,
        target=dice.choice(_targets(kind, serving, servers=servers, workers=workers)),
        store=dice.choice(STORE_NAMES) if needs_store else "",
        delay_s=round(dice.uniform(*DELAY_S), 1) if kind is Kind.SLOW_STORE else 0.0,
    )
    # Nothing may still be broken, or just healing, when Redis is emptied.
    settles_s = SWEPT_S if kind in PROCESS else HEAL_S
    if kind not in ANY_TIME and lasts_s + settles_s > to_flush_s:
        return None
    return fault


def _targets(kind: Kind, serving: list[int], *, servers: int, workers: int) -> list[int]:
    if kind in PROCESS:
        return serving
    return list(range(workers if kind is Kind.KILL_WORKER else servers))
