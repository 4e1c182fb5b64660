import asyncio
import os
import socket
import sys

import pytest

from voicehub.serving.child import Child

PROGRAM = """
import socket, sys
given = [socket.socket(fileno=int(each)) for each in sys.argv[2::2]]
assert sys.argv[1] == "--line" and set(sys.argv[3::2]) == {"--socket"}
line, listener = given
"""


async def start(program, environment=None):
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    command = [sys.executable, "-S", "-c", PROGRAM + program]
    child = await Child.start(command, [listener], environment or {})
    return child, address


async def test_it_alone_has_the_sockets_and_is_told_and_heard():
    child, address = await start(
        "line.send(b'ready\\n'); order = line.recv(100); listener.accept(); line.send(order)\n"
        "line.send(b'failed Not today.\\n'); sys.exit(7)"
    )
    ready = []
    child.tell(b"an order\n")
    with socket.create_connection(address):
        assert await child.ended(lambda: ready.append(child.is_ready)) == 7
    assert (ready, child.failure) == ([True], "Not today.")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


async def test_one_that_is_killed_has_the_signals_number_for_an_exit_code():
    child, _ = await start("line.send(b'ready\\n'); line.recv(100)")
    assert await child.ended(child.kill) == -9
    child.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_it_has_the_environment_that_it_is_given():
    child, _ = await start("import os; sys.exit(int(os.environ['NUMBER']))", {"NUMBER": "9"})
    async with asyncio.timeout(30):
        assert await child.ended(lambda: None) == 9


async def test_a_program_that_is_not_there_leaves_nothing_open():
    listener = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(FileNotFoundError):
        await Child.start(["/nowhere/at/all"], [listener], {})
    assert listener.fileno() == -1
