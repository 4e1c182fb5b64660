"""The faults' own tool: what it forwards, and what each fault does to it."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.faults.proxy import Proxy
from voicehub.tasks import spawn


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def ask(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


async def test_what_is_sent_arrives_whole(echo_port):
    async with Proxy(echo_port) as proxy:
        said = bytes(range(256)) * 40_000
        assert await asyncio.gather(*(ask(proxy.port, said) for _ in range(3))) == [said] * 3


async def test_an_answer_is_late_by_the_delay(echo_port):
    async with Proxy(echo_port) as proxy:
        proxy.delay_s = 0.2
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        assert await ask(proxy.port, b"hello") == b"hello"
        assert 0.2 <= loop.time() - start_s < 2.0


async def test_a_jitter_delays_each_piece_by_chance_and_keeps_their_order(echo_port):
    async with Proxy(echo_port) as proxy:
        proxy.jitter_s, proxy.chance = 0.1, Random(1)
        assert all(0.0 <= proxy.lateness_s() <= 0.1 for _ in range(1000))
        said = bytes(range(256)) * 4_000
        assert await asyncio.gather(*(ask(proxy.port, said) for _ in range(3))) == [said] * 3


async def test_what_is_frozen_arrives_after_the_thaw(echo_port):
    async with Proxy(echo_port) as proxy:
        proxy.freeze()
        asked = spawn(ask(proxy.port, b"hello"), name="asking")
        done, _ = await asyncio.wait([asked], timeout=0.1)
        assert not done
        proxy.thaw()
        assert await asked == b"hello"


async def test_a_cut_resets_those_who_are_there_and_takes_new_ones(echo_port):
    async with Proxy(echo_port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        assert await ask(proxy.port, b"hello") == b"hello"


async def test_a_refusing_proxy_takes_nobody_until_it_accepts_again(echo_port):
    async with Proxy(echo_port) as proxy:
        await proxy.refuse()
        with pytest.raises(OSError):  # noqa: PT011  # refused or reset, as the system likes
            await ask(proxy.port, b"hello")
        await proxy.accept()
        assert await ask(proxy.port, b"hello") == b"hello"
