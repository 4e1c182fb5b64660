"""Where the server may connect on behalf of others: to public addresses, and no further in."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import AddrInfoType, ClientSession, DummyCookieJar, TCPConnector
from yarl import URL

# Connections to all endpoints together; a request beyond waits, within its own time-out.
CONNECTIONS_MAX = 200
# RFC 6052: an IPv4 address inside an IPv6 one, as some networks translate it.
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(OSError):  # noqa: N818  # aiohttp expects an OSError from a socket factory
    """The address belongs to this machine or to a network that is not public."""


def is_public(address: str) -> bool:
    """Whether `address` can be reached by anybody on the internet."""
    parsed = ip_address(address)
    inner = _inside(parsed) if isinstance(parsed, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    refused = (
        *(parsed.is_private, parsed.is_loopback, parsed.is_link_local, parsed.is_multicast),
        *(parsed.is_unspecified, parsed.is_reserved, not parsed.is_global),
    )
    site_local = isinstance(parsed, IPv6Address) and parsed.is_site_local
    return not any(refused) and not site_local


def public_socket(address: AddrInfoType) -> socket.socket:
    """A socket for `address`, which names were resolved to. Raises AddressRefused.

    Asked for each connection: a name that was public a moment ago, a literal, and odd spellings of
    one ("127.1") all come here as what is really connected to.
    """
    family, kind, protocol, _, place = address
    if not is_public(str(place[0])):
        raise AddressRefused("the address is not public")
    return socket.socket(family, kind, protocol)


def fault_of(url: str, *, private: bool) -> str | None:
    """Why nothing is ever sent to `url`, in a sentence; None where it may be.

    For people, while they write it down: what is connected to is checked by `public_socket`.
    `private` allows any address, and no TLS.
    """
    try:
        parsed = URL(url)
        host = parsed.host or ""
    except ValueError:
        return "This is no URL."
    schemes = ("https", "http") if private else ("https",)
    literal = _literal(host)
    faults = {
        "The URL must not hold blanks.": not url.isprintable() or " " in url,
        f"The URL must begin with {' or '.join(f'{each}://' for each in schemes)}.": (
            parsed.scheme not in schemes or not host
        ),
        "The URL must not hold a user or a password.": (
            parsed.user is not None or parsed.password is not None
        ),
        "The URL must not have a fragment.": bool(parsed.raw_fragment),
        "The URL must lead to a public address.": (
            not private and literal is not None and not is_public(literal)
        ),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def _literal(host: str) -> str | None:
    """The address that `host` spells, in whatever notation; None for a name."""
    try:
        # "127.1", "0x7f.1" and "2130706433" are 127.0.0.1 to who resolves them.
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        pass
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def open_web(*, private: bool) -> ClientSession:
    """A session for requests to others; `private` lets it go to any address."""
    connector = TCPConnector(
        limit=CONNECTIONS_MAX, socket_factory=None if private else public_socket
    )
    # No cookies: what one team's tool sets is nothing to another's. No proxy of the environment.
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that `address` leads to, if it is one of those."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
