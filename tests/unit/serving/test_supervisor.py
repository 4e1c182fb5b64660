"""The supervisor with small programs in the place of servers; whole ones stand in integration."""

import asyncio
import sys

import pytest

from voicehub.serving.leaving import Leaving
from voicehub.serving.port import Port
from voicehub.serving.supervisor import (
    FAILED_STARTS_MAX,
    Bounds,
    Pauses,
    Supervisor,
    SupervisorError,
)
from voicehub.tasks import spawn

STEP_S_MAX = 30.0
# `orders` come from the supervisor, and `served()` tells it that this one listens.
PRELUDE = """
import os, signal, socket, sys
line = socket.socket(fileno=int(sys.argv[sys.argv.index("--line") + 1]))
orders = line.makefile("rb")
def served():
    line.send(b"ready\\n")
"""
OBEDIENT = "served(); assert orders.readline() == b'drain\\n'"
DEAF = "served(); orders.readline(); orders.readline(); signal.pause()"


def pauses():
    return Pauses(min_s=0.001, max_s=0.002)


class Crew:
    """A supervisor under test."""

    def __init__(self, program, port, *, drain_s=60.0, hurry_s=60.0, own=None, **environment):
        self.leaving = Leaving()
        self.ready = asyncio.Event()
        self.readies = 0
        self._supervisor = Supervisor(
            [sys.executable, "-S", "-c", PRELUDE + program],
            port,
            self.leaving,
            Bounds(drain_s, hurry_s, pauses),
            environment,
            own or (lambda _number: {}),
        )

    def run(self, workers):
        return spawn(self._supervisor.run(workers, self._on_ready), name="supervisor")

    def _on_ready(self):
        self.readies += 1
        self.ready.set()


@pytest.fixture
def crew():
    with Port("127.0.0.1", 0) as port:
        yield lambda program, **given: Crew(program, port, **given)


async def within(waited):
    async with asyncio.timeout(STEP_S_MAX):
        return await waited


def test_pauses_grow_to_a_limit_and_begin_anew_after_a_long_life():
    grown = Pauses(min_s=1, max_s=5, settled_s=60)
    assert [grown.after(0) for _ in range(5)] == [1, 2, 4, 5, 5]
    assert grown.after(59) == 5
    assert [grown.after(60), grown.after(0)] == [1, 2]


async def test_it_is_ready_once_when_all_are_and_ends_well_when_told(crew):
    all_ = crew(OBEDIENT)
    running = all_.run(3)
    await within(all_.ready.wait())
    all_.leaving.told()
    assert await within(running) == 0
    assert all_.readies == 1


async def test_what_dies_is_started_again_for_as_long_as_it_takes(crew):
    lives = FAILED_STARTS_MAX + 4
    born = asyncio.Queue()
    registry = await asyncio.start_server(lambda *each: born.put_nowait(each), "127.0.0.1", 0)
    all_ = crew(
        "office = socket.create_connection(('127.0.0.1', int(os.environ['OFFICE'])))\n"
        "life = int(office.makefile().readline())\n"
        "if life == 1: served(); os._exit(3)\n"
        f"if life < {lives}: os._exit(4)\n" + OBEDIENT,
        OFFICE=str(registry.sockets[0].getsockname()[1]),
    )
    running = all_.run(1)
    # More of them die than may fail before any has listened.
    for life in range(1, lives + 1):
        reader, writer = await within(born.get())
        writer.write(f"{life}\n".encode())
        if life < lives:
            assert not await within(reader.read())
        writer.close()
    all_.leaving.drain()
    assert await within(running) == 0
    assert all_.readies == 1
    registry.close()
    await registry.wait_closed()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("line.send(b'failed No database.\\n'); os._exit(1)", "No database."),
        ("os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
    ],
)
async def test_what_never_listens_is_given_up(crew, program, reason):
    with pytest.raises(SupervisorError, match=f"^The servers do not start: {reason}$"):
        await within(crew(program).run(2))


async def test_what_cannot_be_started_is_given_up(crew):
    all_ = crew("")
    all_._supervisor._command = ["/nowhere/at/all"]
    with pytest.raises(SupervisorError, match="FileNotFoundError"):
        await within(all_.run(1))


async def test_one_that_does_not_end_is_killed_and_told_of(crew):
    all_ = crew(DEAF, drain_s=0.01)
    running = all_.run(1)
    await within(all_.ready.wait())
    all_.leaving.drain()
    assert await within(running) == 1


async def test_one_that_hurries_too_slowly_is_killed_and_told_of(crew):
    all_ = crew(DEAF, hurry_s=0.01)
    running = all_.run(1)
    await within(all_.ready.wait())
    all_.leaving.hurry()
    assert await within(running) == 1


async def test_hurry_is_passed_on(crew):
    all_ = crew(OBEDIENT + "; assert orders.readline() == b'hurry\\n'")
    running = all_.run(2)
    await within(all_.ready.wait())
    all_.leaving.hurry()
    assert await within(running) == 0


async def test_one_that_ends_badly_when_told_is_counted(crew):
    all_ = crew(OBEDIENT + "; os._exit(5)")
    running = all_.run(2)
    await within(all_.ready.wait())
    all_.leaving.drain()
    assert await within(running) == 2


async def test_each_server_has_an_environment_of_its_own_beside_that_of_all(crew, tmp_path):
    note = "import os, pathlib\npathlib.Path(os.environ['OWN']).write_text(os.environ['ALL'])\n"
    own = {number: {"OWN": str(tmp_path / f"{number}")} for number in (1, 2)}
    all_ = crew(note + OBEDIENT, own=own.__getitem__, ALL="everybody")
    running = all_.run(2)
    await within(all_.ready.wait())
    all_.leaving.told()
    assert await within(running) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "1": "everybody",
        "2": "everybody",
    }
