"""Several servers on one port: whole processes on real stores, with callers on them."""

import asyncio
import os
import re
import signal
from contextlib import AsyncExitStack

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.servers import serving, started
from voicehub.auth.passwords import hash_password
from voicehub.client import Api, Conversation
from voicehub.storage import seed

PASSWORD = "supervised"


@pytest.fixture
async def environment(store_environment, pg, tmp_path):
    async with pg.transaction() as conn:
        await seed.seed(conn, hash_password=hash_password, user_password=PASSWORD)
    return {
        **store_environment,
        "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_SPOOL": str(tmp_path / "spool"),
        "VOICEHUB_SESSIONS_PER_USER": "100",
    }


class Callers:
    """Conversations that go on until the server ends them."""

    def __init__(self, http, api, closing):
        self._http, self._api, self._closing = http, api, closing
        self.talks = []
        self.ids = []

    async def join(self, count):
        for _ in range(count):
            created = await self._api.open_session("Ava")
            talk = Conversation(self._http, created["url"], created["client_secret"]["value"])
            await self._closing.enter_async_context(talk)
            self.talks.append(talk)
            self.ids.append(created["id"])
        for talk in self.talks:
            await talk.wait_for("response.created")

    async def close_codes(self):
        return [await talk.ended() for talk in self.talks]


@pytest.fixture
async def call():
    """Connects callers to a server."""
    async with AsyncExitStack() as closing:
        # A connection each: the kernel chooses the worker by the connection.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        http = await closing.enter_async_context(aiohttp.ClientSession(connector=connector))

        async def calling(server, count):
            api = Api(http, server.url)
            await api.login(seed.USER_EMAIL, PASSWORD)
            callers = Callers(http, api, closing)
            await callers.join(count)
            return callers

        yield calling


async def test_workers_share_one_port_and_all_go_when_told(environment, call, pg):
    async with serving(environment, "--workers", "2") as server:
        callers = await call(server, 14)
        owners = await _owners(environment, callers.ids)
        assert set(owners) == set(server.workers), "the kernel spreads connections over both"
        assert await server.insist() == 0
        assert await callers.close_codes() == [1012] * 14
    await _assert_all_is_kept(pg, callers)
    assert not _complaints(server)


async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(environment, call):
    async with serving(environment, "--workers", "2") as server:
        callers = await call(server, 8)
        owners = await _owners(environment, callers.ids)
        killed, lives = server.workers
        os.kill(killed, signal.SIGKILL)
        ended = await server.logged("server ended")
        assert (ended["number"], ended["pid"], ended["exit_code"]) == (1, killed, -9)
        await server.logged("server started", 3)
        assert server.workers[1] == lives
        for owner, talk in zip(owners, callers.talks, strict=True):
            if owner == killed:
                assert await talk.ended() == 1006
            else:
                await talk.wait_for("response.done")
        assert await server.stop(signal.SIGINT) == 0


async def test_workers_whose_supervisor_is_killed_drain_and_go(environment, call, pg):
    environment["VOICEHUB_DRAIN_DEADLINE_S"] = "0"
    async with serving(environment, "--workers", "2") as server:
        callers = await call(server, 4)
        server.child.kill()
        assert await callers.close_codes() == [1012] * 4
        assert await server.left() == -9
    await _assert_all_is_kept(pg, callers)


async def test_a_worker_that_is_told_to_go_is_replaced(environment):
    async with serving(environment, "--workers", "2") as server:
        first = server.workers[0]
        # Launchers signal whom they see, more than once; only the supervisor is in a hurry.
        os.kill(first, signal.SIGTERM)
        await server.logged("server starts again", number=1)
        await server.logged("server started", 3)
        assert await server.stop() == 0
        assert not _complaints(server)


async def test_servers_that_cannot_start_are_given_up_with_the_reason(
    environment, empty_database_url
):
    environment["DATABASE_URL"] = empty_database_url
    async with started(environment, "--port", "0", "--workers", "2") as server:
        assert await server.left() == 1
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


async def test_two_supervisors_share_a_port_if_both_say_so(environment):
    async with serving(environment, "--workers", "2", "--reuse-port") as server:
        port = server.url.rpartition(":")[2]
        async with serving(environment, "--port", port, "--workers", "2", "--reuse-port") as next_:
            assert await server.stop() == 0
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{next_.url}/healthz") as alive,
            ):
                assert alive.status == 200
            assert await next_.stop() == 0


async def _owners(environment, session_ids):
    """The process that has each session, as its lease says."""
    async with Redis.from_url(environment["REDIS_URL"], decode_responses=True) as redis:
        keys = {int(key.split(":")[3]): key async for key in redis.scan_iter("*:lease")}
        leases = await asyncio.gather(*(redis.get(keys[each]) for each in session_ids))
    return [int(re.search(r":(\d+)$", lease)[1]) for lease in leases]


async def _assert_all_is_kept(pg, callers):
    """What each caller saw finished is in its row."""
    async with pg.connection() as conn:
        for session_id, talk in zip(callers.ids, callers.talks, strict=True):
            row = await conn.fetchrow("SELECT * FROM sessions WHERE id = $1", session_id)
            assert (row["status"], row["data"]["ended_reason"]) == ("completed", "drain")
            finished = [
                event.body["transcript"]
                for event in talk.events
                if event.type == "response.output_audio_transcript.done"
            ]
            kept = [line["transcript"] for line in row["data"]["transcript"]]
            assert kept[: len(finished)] == finished
            assert row["data"]["recording"]["state"] == "ready"


def _complaints(server):
    return [line for line in server.lines if line["level"] not in {"info", "debug"}]
