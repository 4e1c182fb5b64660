"""A short storm with a fixed seed; `scripts/chaos` runs it for long."""

import sys

from tests.faults import chaos
from tests.faults.caller import Habits

PLAN = chaos.Plan(
    seed=2303,
    seconds=50.0,
    sessions=8,
    servers=2,
    workers=2,
    habits=Habits(talk_s=(15.0, 40.0)),
)


async def test_nothing_is_lost_and_nothing_billed_twice_in_a_storm():
    books = await chaos.run(PLAN, lambda line: sys.stdout.write(f"{line}\n") and None)
    for entry in books.entries:
        sys.stdout.write(f"{entry.what}: {entry.found}\n")
    assert books.hold, books.faults
