import asyncio
import socket

import pytest

from voicehub.errors import StorageError
from voicehub.serving.supervised import DRAIN, HURRY, serve_supervised
from voicehub.tasks import spawn


class Supervisor:
    """The other end of the line."""

    def __init__(self):
        self.end, self.theirs = socket.socketpair()
        self.leaving = asyncio.get_running_loop().create_future()

    def serve(self, work):
        async def serve(sockets, on_ready, leaving):
            assert sockets == ["a socket"]
            on_ready()
            self.leaving.set_result(leaving)
            return await work(leaving)

        return spawn(serve_supervised(serve, self.theirs, ["a socket"]), name="serve")

    async def said(self):
        self.end.setblocking(False)
        return await asyncio.get_running_loop().sock_recv(self.end, 1000)


@pytest.fixture
async def supervisor():
    made = Supervisor()
    yield made
    made.end.close()


async def _told(leaving):
    await leaving.asked.wait()
    return 7


async def test_it_tells_that_it_listens_and_drains_when_told(supervisor):
    serving = supervisor.serve(_told)
    assert await supervisor.said() == b"ready\n"
    supervisor.end.send(DRAIN)
    assert await serving == 7
    assert not (await supervisor.leaving).hurried.is_set()


async def test_it_hurries_when_told(supervisor):
    async def work(leaving):
        await leaving.hurried.wait()
        return 0

    serving = supervisor.serve(work)
    supervisor.end.send(DRAIN + HURRY)
    assert await serving == 0


async def test_a_supervisor_that_is_gone_has_it_drain(supervisor):
    serving = supervisor.serve(_told)
    supervisor.end.close()
    assert await serving == 7


async def test_why_it_does_not_start_goes_to_the_supervisor(supervisor):
    async def work(_leaving):
        raise StorageError("Postgres is\nnot there.")

    assert await supervisor.serve(work) == 1
    assert await supervisor.said() == b"ready\nfailed Postgres is not there.\n"
