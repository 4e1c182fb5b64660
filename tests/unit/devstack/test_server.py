"""voicehub/devstack/server.py: what needs no server; for the rest see integration/test_stack.py."""

import os
import socket

from voicehub.devstack.server import _command_line, free_ports


def test_free_ports_differ_and_can_be_bound() -> None:
    ports = free_ports([None] * 8)
    assert len(set(ports)) == 8
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_a_wanted_port_is_kept_where_it_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        free = free_ports([None])[0]
        first, second = free_ports([free, busy])
    assert first == free
    assert second != busy


def test_a_wanted_port_is_given_once() -> None:
    free = free_ports([None])[0]
    assert len(set(free_ports([free, free]))) == 2


def test_the_command_line_of_a_living_process_is_known_and_of_none_is_empty() -> None:
    assert "python" in _command_line(os.getpid())
    assert _command_line(2**30) == ""
