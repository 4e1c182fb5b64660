"""The programs that people put around the stores: Redis Sentinel, Redis Cluster and PgBouncer."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import asyncpg
from redis.asyncio import Redis

from voicehub.devstack.account import give, unprivileged_account
from voicehub.devstack.binaries import find_redis
from voicehub.devstack.redis import RedisServer
from voicehub.devstack.server import ANSWER_S, POLL_S, Server, StackError, free_ports

PASSWORD = "a-password-of-the-tests"  # of servers that live as long as a test
SERVICE = "voicehub"
SLOTS = 16_384
# How soon a silent node counts as dead; small, or the tests would only wait.
DOWN_MS = 1_000
STEADY_S = 60.0
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")


class RedisNode(RedisServer):
    """A Redis with settings of its own, in a folder of its own."""

    def __init__(self, folder: Path, port: int, **more: str) -> None:
        folder.mkdir()
        super().__init__(folder, port=port, password=PASSWORD)
        self._more = {name.replace("_", "-"): value for name, value in more.items()}

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "masterauth": PASSWORD, **self._more}

    def client(self) -> Redis:
        return Redis.from_url(self.url(), decode_responses=True)


class SentinelNode(RedisServer):
    """One of those who watch over a master and agree on the next."""

    title: ClassVar[str] = "Sentinel"

    def __init__(self, folder: Path, port: int, master_port: int) -> None:
        folder.mkdir()
        super().__init__(folder, port=port, password=PASSWORD)
        self._master_port = master_port

    def command(self) -> list[str]:
        path = self.folder / "redis.conf"
        lines = (
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {PASSWORD}",
            f'dir "{self.folder}"\nset-proc-title no',
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._master_port} 2",
            f"sentinel auth-pass {SERVICE} {PASSWORD}\nsentinel sentinel-pass {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_MS}",
            f"sentinel failover-timeout {SERVICE} {10 * DOWN_MS}",
        )
        if not path.exists():  # it keeps what it learns in there
            path.write_text("\n".join(lines) + "\n")
        return [str(find_redis()), str(path), "--sentinel"]

    def client(self) -> Redis:
        return Redis.from_url(self.url(), decode_responses=True)


class PgBouncer(Server):
    """In transaction mode, in front of a Postgres, with fewer connections there than here."""

    title: ClassVar[str] = "PgBouncer"

    def __init__(self, folder: Path, port: int, *, to: str, servers_max: int) -> None:
        folder.mkdir(mode=0o755)
        self._account = unprivileged_account()
        super().__init__(folder, port=port, account=self._account)
        self._to = asyncpg.connect_utils._parse_connect_dsn_and_args
        self._address = to
        self._servers_max = servers_max

    @property
    def name(self) -> str:
        return "pgbouncer"

    async def prepare(self) -> None:
        user, password, port = _taken_apart(self._address)
        self._write("users.txt", f'"{user}" "{password}"\n')
        self._write(
            "pgbouncer.ini",
            f"[databases]\n* = host=127.0.0.1 port={port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            f"unix_socket_dir =\npool_mode = transaction\nauth_type = scram-sha-256\n"
            f"auth_file = {self.folder}/users.txt\ndefault_pool_size = {self._servers_max}\n"
            "max_client_conn = 500\nserver_login_retry = 1\n"
            # What asyncpg sends on connecting, and a pooler cannot keep for one client.
            "ignore_startup_parameters = extra_float_digits,search_path\n",
        )

    def command(self) -> list[str]:
        return [find_pgbouncer(), str(self.folder / "pgbouncer.ini")]

    async def answers(self) -> bool:
        try:
            conn = await asyncpg.connect(self.url("postgres"), timeout=ANSWER_S)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await conn.close(timeout=ANSWER_S)
        return True

    def url(self, database: str) -> str:
        user, password, _ = _taken_apart(self._address)
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        give(path, self._account)


def find_pgbouncer() -> str:
    found = shutil.which("pgbouncer", path=os.pathsep.join((os.defpath, *SYSTEM_FOLDERS)))
    if found is None:
        raise StackError("These tests need PgBouncer: apt-get install pgbouncer")
    return found


def _taken_apart(url: str) -> tuple[str, str, int]:
    proof, _, place = url.removeprefix("postgresql://").rpartition("@")
    user, _, password = proof.partition(":")
    return user, password, int(place.partition("/")[0].rpartition(":")[2])


@asynccontextmanager
async def running(*servers: Server) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for server in servers:
            stack.push_async_callback(server.kill)
        await asyncio.gather(*(server.start() for server in servers))
        yield


@asynccontextmanager
async def sentinels(
    folder: Path,
) -> AsyncIterator[tuple[str, list[RedisNode], list[SentinelNode]]]:
    """Three Sentinels over a master and two replicas; the address, and the programs."""
    ports = free_ports([None] * 6)
    master = RedisNode(folder / "redis-0", ports[0])
    replicas = [
        RedisNode(folder / f"redis-{number}", port, replicaof=f"127.0.0.1 {master.port}")
        for number, port in enumerate(ports[1:3], 1)
    ]
    watchers = [
        SentinelNode(folder / f"sentinel-{number}", port, master.port)
        for number, port in enumerate(ports[3:])
    ]
    hosts = ",".join(f"127.0.0.1:{each.port}" for each in watchers)
    url = f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}?sentinel_password={PASSWORD}"
    async with running(master), running(*replicas), running(*watchers):
        for each in watchers:
            async with each.client() as client:
                await _until(lambda client=client: _sees_all(client))
        yield url, [master, *replicas], watchers


async def _sees_all(sentinel: Redis) -> bool:
    state = await sentinel.sentinel_master(SERVICE)
    return state["num-slaves"] == 2 and state["num-other-sentinels"] == 2


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[tuple[str, list[RedisNode]]]:
    """Three masters, each with a replica (three places on); the address, and the nodes."""
    ports = free_ports([None] * 12)
    nodes = [
        RedisNode(
            folder / f"node-{number}",
            port,
            cluster_enabled="yes",
            cluster_port=str(bus),
            cluster_node_timeout=str(DOWN_MS),
        )
        for number, (port, bus) in enumerate(zip(ports[:6], ports[6:], strict=True))
    ]
    async with running(*nodes), AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(node.client()) for node in nodes]
        bounds = [SLOTS * number // 3 for number in range(4)]
        for client, (first, after) in zip(clients[:3], pairwise(bounds), strict=True):
            await client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, after - 1)
        for client, bus in zip(clients[1:], ports[7:], strict=True):
            port = client.connection_pool.connection_kwargs["port"]
            await clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for client in clients:
            await _until(lambda client=client: _knows(client, nodes=6))
        for master, replica in zip(clients[:3], clients[3:], strict=True):
            name = await master.execute_command("CLUSTER", "MYID")
            await replica.execute_command("CLUSTER", "REPLICATE", name)
        for client in clients:
            await _until(lambda client=client: _knows(client, nodes=6, replicas=3))
        for client in clients[3:]:
            await _until(lambda client=client: _has_a_copy(client))  # else nobody elects it
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes[:3])
        yield f"redis+cluster://:{PASSWORD}@{hosts}", nodes


async def _knows(client: Redis, *, nodes: int, replicas: int = 0) -> bool:
    info = await client.execute_command("CLUSTER INFO")
    seen = await client.execute_command("CLUSTER NODES")
    found = sum("slave" in node["flags"] for node in seen.values())
    whole = info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == nodes
    return whole and found >= replicas


async def _has_a_copy(replica: Redis) -> bool:
    state = await replica.info("replication")
    return state["master_link_status"] == "up"


async def _until(condition) -> None:
    async with asyncio.timeout(STEADY_S):
        while not await condition():  # noqa: ASYNC110  # servers tell nobody when they have agreed
            await asyncio.sleep(POLL_S)
