"""The port that servers listen on: taken once, then shared by as many as serve it."""

import errno
import socket
import sys
from types import TracebackType
from typing import Any, Self

from voicehub.errors import VoiceHubError

# Connections that wait to be accepted; more are refused by the system. After a deploy all clients
# come back at once.
BACKLOG = 1024
# Elsewhere SO_REUSEPORT exists, but does not spread connections over the listeners.
BALANCES = sys.platform == "linux"
_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class PortError(VoiceHubError):
    """The address cannot be listened on."""

    code = "address_unavailable"


class Port:
    """Held from `__enter__` to `__exit__`; it gives each server the sockets to listen on.

    Where the system balances, each server listens on its own sockets (SO_REUSEPORT) and new
    connections are spread evenly; elsewhere all accept from the same ones. With `reuse` other
    programs may hold the port too; they must say so as well.
    """

    def __init__(
        self, host: str, port: int, *, reuse: bool = False, balances: bool = BALANCES
    ) -> None:
        self._host = host
        self._port = port
        self._reuse = reuse
        self._balances = balances
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        if self._port and self._balances and not self._reuse:
            # Among sockets with SO_REUSEPORT nobody would notice that the port is taken.
            _close(_bound(self._host, self._port, reuse=False))
        # These keep the port: a socket that does not listen gets no connections.
        self._held = _bound(self._host, self._port, reuse=self._balances or self._reuse)
        self._port = self._held[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _close(self._held)

    def sockets(self) -> list[socket.socket]:
        """For one more server; whoever gets them closes them."""
        if self._balances:
            return _bound(self._host, self._port, reuse=True)
        return [each.dup() for each in self._held]

    def url(self, scheme: str) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self._port}"


def _bound(host: str, port: int, *, reuse: bool) -> list[socket.socket]:
    """A socket on each address of `host`. With port 0 all of them get the same free one."""
    made: list[socket.socket] = []
    missing: OSError | None = None
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            given = port or (made[0].getsockname()[1] if made else 0)
            try:
                made.append(_bound_to(family, (address[0], given, *address[2:]), reuse=reuse))
            except OSError as error:
                # `localhost` is often told to have an IPv6 address where the system has none.
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
        if missing is not None and not made:
            raise missing
    except OSError as error:
        _close(made)
        reason = error.strerror or type(error).__name__
        raise PortError(f"Port {port} of {host or 'all'} cannot be used: {reason}.") from error
    return made


def _bound_to(family: int, address: tuple[Any, ...], *, reuse: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
