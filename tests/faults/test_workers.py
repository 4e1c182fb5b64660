"""`serve --workers 2`: its processes are killed under load, and their clients go on."""

import sys

from tests.faults import chaos, rolling
from tests.faults.schedule import Fault, Kind

# The second is the one that lived on: by then all have to be taken by the one that is new.
KILLS = [Fault(at_s, Kind.KILL_CHILD) for at_s in (3.0, 18.0)]
PLAN = chaos.Plan(
    seed=2303,
    seconds=0.0,
    sessions=10,
    servers=1,
    workers=1,
    variables={"VOICEHUB_WORKERS": "2"},
    habits=rolling.LOYAL,
    faults=KILLS,
    direct=True,
)


async def test_clients_of_a_killed_process_go_on_at_the_other():
    books = await chaos.run(PLAN, lambda line: sys.stdout.write(f"{line}\n") and None)
    for entry in books.entries:
        sys.stdout.write(f"{entry.what}: {entry.found}\n")
    assert books.hold, books.faults
