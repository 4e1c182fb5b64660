"""From which network address a request comes: behind proxies, the one that they tell of."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

from voicehub.keys import SETTINGS

HEADER = "X-Forwarded-For"
# More proxies in a row than this are not followed: the header is as long as its sender likes.
PROXIES_MAX = 16

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(request: web.Request) -> str:
    """The client's address, or "" where it has none, as on a local socket."""
    forwarded = request.headers.getall(HEADER, [])
    return nearest_stranger(request.remote or "", forwarded, request.app[SETTINGS].trusted_proxies)


def nearest_stranger(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The last address on the way here that is no trusted proxy's.

    `forwarded` are the header's lines. Each proxy adds whom it serves at the right end; what stands
    left of the first stranger is that stranger's own tale.
    """
    nearest = _parsed(peer)
    if nearest is None:
        return peer
    hops = ",".join(forwarded).rsplit(",", PROXIES_MAX)[-PROXIES_MAX:]
    while hops and _is_trusted(nearest, trusted):
        before = _parsed(_without_port(hops.pop().strip()))
        if before is None:
            break
        nearest = before
    return str(nearest)


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(text: str) -> str:
    """Some proxies write `1.2.3.4:567` and `[2001:db8::1]:567`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
