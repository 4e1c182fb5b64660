"""Several servers on one port: whole processes on real stores, with callers on them."""

import asyncio
import os
import re
import signal

import pytest
from redis.asyncio import Redis

from tests.servers import READY_S_MAX, Callers, seeded_environment, serving, started

PASSWORD = "supervised"


@pytest.fixture
async def environment(store_environment, pg, tmp_path):
    # Nobody comes back: a drain is the session's end.
    return await seeded_environment(
        store_environment, pg, tmp_path / "spool", PASSWORD, VOICEHUB_GRACE_S="0"
    )


@pytest.fixture
async def callers():
    async with Callers.of(PASSWORD) as nobody:
        yield nobody


async def test_workers_share_one_port_and_all_go_when_told(environment, callers, pg):
    # They would talk for an hour more: it is the second signal that ends them.
    late = ("--drain-deadline", "3600")
    async with serving(environment, "--workers", "2", *late) as server:
        joined = await callers.join(server.url, 14)
        owners = await _owners(environment, [each.id for each in joined])
        assert set(owners) == set(server.workers), "the kernel spreads connections over both"
        assert await server.insist() == 0
        assert [await each.talk.ended() for each in joined] == [1012] * 14
    await callers.assert_all_is_kept(pg, "drain")
    assert not server.complaints


async def test_one_server_ends_what_talks_at_its_deadline(environment, callers, pg):
    async with serving(environment, "--drain-deadline", "2") as server:
        joined = await callers.join(server.url, 2)
        assert await server.stop() == 0
        assert [await each.talk.ended() for each in joined] == [1012, 1012]
        for talk in (each.talk for each in joined):
            told = await talk.wait_for("voicehub.session.going_away")
            error = await talk.wait_for("error")
            assert 0 < told.body["ends_within_ms"] <= 2_000
            assert error.body["error"]["code"] == "server_draining"
    await callers.assert_all_is_kept(pg, "drain")
    assert not server.complaints


async def test_one_server_that_is_told_twice_waits_for_no_turn(environment, callers, pg):
    async with serving(environment, "--drain-deadline", "3600") as server:
        joined = await callers.join(server.url, 2)
        assert await server.insist() == 0
        assert [await each.talk.ended() for each in joined] == [1012, 1012]
    await callers.assert_all_is_kept(pg, "drain")


async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(environment, callers):
    environment["VOICEHUB_DRAIN_DEADLINE_S"] = "1"
    async with serving(environment, "--workers", "2") as server:
        joined = await callers.join(server.url, 8)
        owners = await _owners(environment, [each.id for each in joined])
        killed, lives = server.workers
        os.kill(killed, signal.SIGKILL)
        ended = await server.logged("server ended")
        assert (ended["number"], ended["pid"], ended["exit_code"]) == (1, killed, -9)
        await server.logged("server started", 3)
        assert server.workers[1] == lives
        for owner, caller in zip(owners, joined, strict=True):
            if owner == killed:
                assert await caller.talk.ended() == 1006
            else:
                await caller.talk.wait_for("response.done")
        # One that is told to go, by whoever sees it, is replaced as well.
        os.kill(lives, signal.SIGTERM)
        await server.logged("server started", 4)
        assert len(server.logged_already("server ended")) == 1
        assert await server.stop(signal.SIGINT) == 0


async def test_workers_whose_supervisor_is_killed_drain_and_go(environment, callers, pg):
    environment["VOICEHUB_DRAIN_DEADLINE_S"] = "0"
    async with serving(environment, "--workers", "2") as server:
        joined = await callers.join(server.url, 4)
        server.child.kill()
        assert [await each.talk.ended() for each in joined] == [1012] * 4
        assert await server.left() == -9
    await callers.assert_all_is_kept(pg, "drain")


async def test_servers_that_cannot_start_are_given_up_with_the_reason(
    environment, empty_database_url
):
    environment["DATABASE_URL"] = empty_database_url
    async with started(environment, "--port", "0", "--workers", "2") as server:
        # Three starts, of which two stand in a row.
        assert await server.left(2 * READY_S_MAX) == 1
        assert re.search(r"^voicehub: The servers do not start: .*voicehub migrate", server.said)
        assert "Traceback" not in server.said


async def test_a_port_that_is_taken_is_told_at_once(environment):
    async with serving(environment, "--workers", "2") as server:
        port = server.url.rpartition(":")[2]
        for workers in ("1", "2"):
            async with started(environment, "--port", port, "--workers", workers) as other:
                assert await other.left() == 1
                assert re.fullmatch(rf"voicehub: Port {port} of .* in use\.\n", other.said)
                assert not other.lines
        assert await server.stop() == 0


async def _owners(environment, session_ids):
    """The process that has each session, as its lease says."""
    async with Redis.from_url(environment["REDIS_URL"], decode_responses=True) as redis:
        keys = {int(key.split(":")[3]): key async for key in redis.scan_iter("*:lease")}
        leases = await asyncio.gather(*(redis.get(keys[each]) for each in session_ids))
    return [int(re.search(r":(\d+)$", lease)[1]) for lease in leases]
