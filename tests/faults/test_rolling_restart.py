"""A deploy: every server on a port is replaced by another while people talk."""

import sys
from contextlib import AsyncExitStack

import pytest

from tests.faults import chaos, rolling
from tests.servers import Callers, seeded_environment, serving

PASSWORD = "rolling"
SESSIONS = 12
PLAN = chaos.Plan(
    seed=2303,
    seconds=0.0,
    sessions=20,
    servers=2,
    workers=1,
    habits=rolling.LOYAL,
    faults=rolling.drains(2),
    direct=True,
)


@pytest.fixture
async def environment(store_environment, pg, tmp_path):
    return await seeded_environment(
        store_environment,
        pg,
        tmp_path / "spool",
        PASSWORD,
        VOICEHUB_SESSIONS_PER_TEAM="1000",
        VOICEHUB_DRAIN_DEADLINE_S="4",
    )


async def test_two_servers_are_replaced_and_every_session_goes_on(environment, pg):
    again = "--reuse-port"
    async with AsyncExitStack() as stack:

        async def serve(*options):
            return await stack.enter_async_context(serving(environment, again, *options))

        callers = await stack.enter_async_context(Callers.of(PASSWORD, come_back_s=30.0))
        old = [await serve()]
        port = ("--port", old[0].url.rpartition(":")[2])
        old.append(await serve(*port))
        await callers.join(old[0].url, SESSIONS)
        moved, new = 0, []
        for server in old:
            new.append(await serve(*port))
            assert await server.stop() == 0
            assert not server.complaints
            moved += await callers.come_back(server)
        assert moved >= SESSIONS, "each had to move once; some to a server that went as well"
        await callers.hang_up()
        for server in new:
            assert await server.stop() == 0
    await callers.assert_all_is_kept(pg, "client_close")


async def test_a_fleet_restarts_and_no_line_and_no_token_is_lost():
    """`scripts/chaos --restart --sessions 100` is this for more."""
    books = await chaos.run(PLAN, lambda line: sys.stdout.write(f"{line}\n") and None)
    for entry in books.entries:
        sys.stdout.write(f"{entry.what}: {entry.found}\n")
    assert books.hold, books.faults
