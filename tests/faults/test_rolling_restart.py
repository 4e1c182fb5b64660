"""A deploy: every server on a port is replaced by another while people talk."""

from contextlib import AsyncExitStack

import pytest

from tests.servers import Callers, serving
from voicehub.auth.passwords import hash_password
from voicehub.storage import seed

PASSWORD = "rolling"
SESSIONS = 20


@pytest.fixture
async def environment(store_environment, pg, tmp_path):
    async with pg.transaction() as conn:
        await seed.seed(conn, hash_password=hash_password, user_password=PASSWORD)
    return {
        **store_environment,
        "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_SPOOL": str(tmp_path / "spool"),
        "VOICEHUB_SESSIONS_PER_USER": "1000",
        "VOICEHUB_SESSIONS_PER_TEAM": "1000",
        "VOICEHUB_DRAIN_DEADLINE_S": "8",
    }


async def test_two_servers_are_replaced_and_no_session_is_without_its_end(environment, pg):
    async with AsyncExitStack() as stack:
        callers = await stack.enter_async_context(Callers.of(PASSWORD))
        old = [await stack.enter_async_context(serving(environment, "--reuse-port"))]
        port = old[0].url.rpartition(":")[2]
        again = ("--port", port, "--reuse-port")
        old.append(await stack.enter_async_context(serving(environment, *again)))
        await callers.join(old[0].url, SESSIONS)
        new = []
        for server in old:
            new.append(await stack.enter_async_context(serving(environment, *again)))
            assert await server.stop() == 0
            assert not server.complaints
        assert [await talk.ended() for talk in callers.talks] == [1012] * SESSIONS
        await callers.assert_all_is_kept(pg)
        # Those who come back are served by the new ones.
        talks = await callers.join(new[0].url, 4)
        for server in new:
            assert await server.stop() == 0
        assert [await talk.ended() for talk in talks] == [1012] * 4
    await callers.assert_all_is_kept(pg)
