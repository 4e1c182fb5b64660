"""Makes the Redis client of an address: one server, the master that Sentinel names, or a Cluster.

    redis://[user:password@]host[:6379][/db]              unix:// for a socket
    redis+sentinel://[user:password@]host[:26379],.../service[/db]
    redis+cluster://[user:password@]host[:6379],...

With `rediss` in the place of `redis` all of it is TLS. User and password are the servers' own;
Sentinels that ask for one get it by `?sentinel_user=` and `?sentinel_password=`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from voicehub.errors import VoiceHubError

CONNECTIONS_MAX = 64  # of one server; a command that finds all of them busy fails
CONNECT_S = 1.0  # a server that takes longer to let us in has failed
# Each Sentinel has so long to name the master, one after the other: with one or two of them dead,
# the next one's answer must fit into a command's deadline.
SENTINEL_ANSWER_S = 0.3
# A cluster's node that is silent for so long has failed: the client then asks the others who has
# its slots now. Shorter than a command's deadline, which would only cut the question off.
NODE_ANSWER_S = 0.7

SENTINEL_PORT = 26379
REDIS_PORT = 6379

Client = Redis | RedisCluster


@dataclass(frozen=True, slots=True)
class Address:
    """What a `redis+sentinel` or `redis+cluster` URL says."""

    kind: str
    hosts: list[tuple[str, int]]
    tls: bool
    username: str | None
    password: str | None = field(repr=False)
    service: str = ""
    database: int = 0
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Client]:
    """A client of the servers at `url`; connections are opened when first needed.

    Raises VoiceHubError when the URL is not one of those above.
    """
    if "+" not in urlsplit(url).scheme:
        async with _single(url) as client:
            yield client
        return
    address = parse_address(url)
    opened = _by_sentinel(address) if address.kind == "sentinel" else _of_cluster(address)
    async with opened as client:
        yield client


def parse_address(url: str) -> Address:
    """Read a URL of several hosts. Raises VoiceHubError, whose message quotes nothing of it."""
    try:
        return _parse(url)
    except ValueError as error:
        raise VoiceHubError(f"REDIS_URL cannot be used: {error}.") from None


def _parse(url: str) -> Address:
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in {"redis", "rediss"} or kind not in {"sentinel", "cluster"}:
        raise ValueError("its scheme is not known")
    proof, _, listed = parts.netloc.rpartition("@")
    username, _, password = proof.partition(":")
    port = SENTINEL_PORT if kind == "sentinel" else REDIS_PORT
    hosts = [_host(text, port) for text in listed.split(",") if text]
    if not hosts:
        raise ValueError("it names no host")
    service, _, database = parts.path.strip("/").partition("/")
    if kind == "sentinel" and not service:
        raise ValueError("it names no service behind Sentinel (`/mymaster`)")
    if kind == "cluster" and service not in {"", "0"}:
        raise ValueError("a Redis Cluster has database 0 alone")
    if not (database or "0").isascii() or not (database or "0").isdecimal():
        raise ValueError("its database is not a number")
    asked = parse_qs(parts.query)
    return Address(
        kind,
        hosts,
        tls=scheme == "rediss",
        username=unquote(username) or None,
        password=unquote(password) or None,
        service=unquote(service),
        database=int(database or 0),
        sentinel_username=asked.get("sentinel_user", [None])[0],
        sentinel_password=asked.get("sentinel_password", [None])[0],
    )


def _host(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("it names a host without a name")
    try:
        return parts.hostname, parts.port or default_port
    except ValueError:  # whose message quotes what may be a piece of a password
        raise ValueError("a port is not a number") from None


def _no_retry() -> Retry:
    # redis-py's own retries would repeat commands behind our back.
    return Retry(NoBackoff(), 0)


@asynccontextmanager
async def _single(url: str) -> AsyncIterator[Client]:
    try:
        client = Redis.from_url(url, max_connections=CONNECTIONS_MAX, **_waiting())
    except ValueError as error:
        raise VoiceHubError("REDIS_URL cannot be used: its form is not known.") from error
    try:
        yield client
    finally:
        await client.aclose()


def _waiting() -> dict[str, Any]:  # keyword arguments of several clients
    return {
        # The deadline is ours: with one of its own, redis-py awaits by `asyncio.wait_for`, which
        # on Python 3.11 may swallow the cancellation of the task that waits.
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_S,
        "retry": _no_retry(),
    }


@asynccontextmanager
async def _by_sentinel(address: Address) -> AsyncIterator[Client]:
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # the client's own lack
        address.hosts,
        sentinel_kwargs={
            "socket_timeout": SENTINEL_ANSWER_S,
            "socket_connect_timeout": SENTINEL_ANSWER_S,
            "retry": _no_retry(),
            "username": address.sentinel_username,
            "password": address.sentinel_password,
            "ssl": address.tls,
        },
        username=address.username,
        password=address.password,
        db=address.database,
        ssl=address.tls,
        max_connections=CONNECTIONS_MAX,
        **_waiting(),
    )
    client: Redis = sentinel.master_for(address.service)
    try:
        yield client
    finally:
        await client.aclose()
        await sentinel.aclose()


@asynccontextmanager
async def _of_cluster(address: Address) -> AsyncIterator[Client]:
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
        username=address.username,
        password=address.password,
        ssl=address.tls,
        max_connections=CONNECTIONS_MAX,
        socket_timeout=NODE_ANSWER_S,
        socket_connect_timeout=NODE_ANSWER_S,
        # A command that met a dead node, or one that has lost its slots, is sent once more, by the
        # map of the cluster as it is then: all of ours may be repeated.
        retry=Retry(NoBackoff(), 1),
        # The slots that have a master go on.
        require_full_coverage=False,
    )
    try:
        yield client
    finally:
        await client.aclose()
