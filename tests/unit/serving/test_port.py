import socket
from contextlib import ExitStack

import pytest

from voicehub.serving.port import BALANCES, Port, PortError

LOOPBACK = "127.0.0.1"


def listening(port, stack):
    sockets = [stack.enter_context(each) for each in port.sockets()]
    for each in sockets:
        each.listen()
    return sockets


def number(port):
    return int(port.url("http").rpartition(":")[2])


@pytest.mark.parametrize("balances", {BALANCES, False})
def test_many_listen_on_one_free_port_until_the_last_goes(balances):
    with Port(LOOPBACK, 0, balances=balances) as port:
        with ExitStack() as stack:
            first = listening(port, stack)
            second = listening(port, stack)
            assert first[0].getsockname() == second[0].getsockname() == (LOOPBACK, number(port))
            for each in first:
                each.close()
            for _ in range(8):
                socket.create_connection((LOOPBACK, number(port)), timeout=5).close()
        with ExitStack() as stack:
            listening(port, stack)
            socket.create_connection((LOOPBACK, number(port)), timeout=5).close()


@pytest.mark.skipif(not BALANCES, reason="here the port's own sockets are those of the servers")
def test_a_port_that_is_only_held_takes_no_connection():
    with Port(LOOPBACK, 0) as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, number(port)), timeout=5)


@pytest.mark.parametrize("balances", {BALANCES, False})
def test_a_port_that_is_taken_is_refused_even_if_it_could_be_shared(balances):
    with Port(LOOPBACK, 0, balances=balances) as port, ExitStack() as stack:
        listening(port, stack)
        with pytest.raises(PortError, match=rf"^Port {number(port)} of 127.0.0.1 .*in use"):
            Port(LOOPBACK, number(port), balances=balances).__enter__()


def test_two_who_both_agree_share_a_port():
    with Port(LOOPBACK, 0, reuse=True) as port, ExitStack() as stack:
        listening(port, stack)
        with Port(LOOPBACK, number(port), reuse=True) as other:
            listening(other, stack)


def test_a_name_that_nobody_has_is_refused():
    with pytest.raises(PortError):
        Port("no-such-host.invalid", 0).__enter__()


def test_every_address_of_a_name_gets_the_same_port(monkeypatch):
    addresses = [("127.0.0.1", 0), ("127.0.0.2", 0)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with Port("both", 0) as port, ExitStack() as stack:
        given = [each.getsockname() for each in listening(port, stack)]
        assert given == [("127.0.0.1", number(port)), ("127.0.0.2", number(port))]


@pytest.mark.parametrize("addresses", [["192.0.2.1", LOOPBACK], [LOOPBACK, "192.0.2.1"]])
def test_an_address_that_this_machine_lacks_does_not_matter_beside_one_it_has(
    monkeypatch, addresses
):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with Port("both", 0) as port, ExitStack() as stack:
        assert [each.getsockname()[0] for each in listening(port, stack)] == [LOOPBACK]


def test_an_address_that_this_machine_lacks_is_refused():
    with pytest.raises(PortError, match=r"192\.0\.2\.1"):
        Port("192.0.2.1", 0).__enter__()


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")])
def test_its_address_is_told_as_a_url(host, shown, monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOOPBACK, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with Port(host, 0) as port:
        assert port.url("https").startswith(f"https://{shown}:")
