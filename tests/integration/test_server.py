"""The server as a process: it starts, says where it listens, and goes when it is told to."""

import asyncio
import gc
import os
import signal

import pytest
from aiohttp import ClientSession

from voicehub.app import ECHO
from voicehub.errors import StorageError
from voicehub.live.registry import Registry
from voicehub.server import serve, serve_on
from voicehub.serving.leaving import Leaving
from voicehub.serving.port import Port
from voicehub.settings import Settings
from voicehub.storage.migrations import SchemaError
from voicehub.tasks import spawn


@pytest.fixture
def settings(store_environment, tmp_path):
    return Settings(
        **store_environment,
        PORT=0,
        VOICEHUB_JWT_KEYS="k1:" + "s" * 40,
        VOICEHUB_ENGINE=ECHO,
        VOICEHUB_SPOOL=tmp_path / "spool",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal_comes(settings, number):
    address = asyncio.get_running_loop().create_future()
    serving = spawn(serve(settings, address.set_result), name="serve")
    try:
        url = await address
        assert gc.get_freeze_count(), "the collector leaves alone what startup made"
        async with ClientSession() as client:
            async with client.get(f"{url}/healthz") as alive:
                assert alive.status == 200
            # The first answer of Spaces may take longer than a load balancer waits.
            async with asyncio.timeout(30):
                while (await client.get(f"{url}/readyz")).status != 200:
                    pass
        os.kill(os.getpid(), number)
        async with asyncio.timeout(10):
            await serving
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        gc.unfreeze()
    for each in (signal.SIGTERM, signal.SIGINT):
        assert not asyncio.get_running_loop().remove_signal_handler(each), "it takes its own away"


async def test_a_server_that_drains_answers_who_is_connected_and_nobody_new(settings, monkeypatch):
    leaving = Leaving()
    last_writes = asyncio.Event()

    async def drain(registry, _deadline_s):
        registry._draining = True
        await last_writes.wait()
        return 3

    monkeypatch.setattr(Registry, "drain", drain)
    with Port("127.0.0.1", 0) as port:
        url, listening = port.url("http"), asyncio.Event()
        serving = spawn(serve_on(settings, port.sockets(), listening.set, leaving), name="serve")
    await listening.wait()
    try:
        async with ClientSession() as client:
            assert (await client.get(f"{url}/healthz")).headers.get("Connection") != "close"
            leaving.drain()
            async with asyncio.timeout(10):
                await _refused(url)
            # The connection from before is answered, for the last time.
            async with client.get(f"{url}/readyz") as ready:
                assert ready.status == 503
                assert (await ready.json())["draining"]
                assert ready.headers["Connection"] == "close"
    finally:
        last_writes.set()
        left = await serving
        gc.unfreeze()
    assert left == 3


async def test_one_that_is_told_to_go_before_it_listens_never_does(settings):
    leaving = Leaving()
    leaving.hurry()
    with Port("127.0.0.1", 0) as port:
        assert await serve_on(settings, port.sockets(), pytest.fail, leaving) == 0


async def test_a_database_without_the_schema_is_refused(settings, empty_database_url):
    changed = settings.model_copy(
        update={"database_url": type(settings.database_url)(empty_database_url)}
    )
    with pytest.raises(SchemaError):
        await serve(changed, print)


async def test_a_store_that_is_not_there_is_told_of(settings):
    nobody = type(settings.database_url)("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StorageError):
        await serve(settings.model_copy(update={"database_url": nobody}), print)


async def _refused(url):
    """Wait until nobody listens there any more."""
    while True:
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[-1]))
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it waited to be accepted when the socket was closed
        writer.close()
        await writer.wait_closed()
