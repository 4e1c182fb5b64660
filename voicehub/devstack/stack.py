"""The three servers together: one folder, one lock, kept passwords, one start and one stop."""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from voicehub.devstack.account import Account, can_enter, unprivileged_account
from voicehub.devstack.postgres import PostgresServer
from voicehub.devstack.redis import RedisServer
from voicehub.devstack.server import Server, StackError, free_ports
from voicehub.devstack.spaces import BUCKET, REGION, SpacesServer

SYSTEM_HOME = Path(
    "/var/lib/voicehub"
)  # where root's Postgres lives when `nobody` cannot enter the data folder
SERVER_NAMES = ("postgres", "redis", "spaces")

OnStep = Callable[[str, float], None]


class Stack:
    """`async with Stack(folder) as stack:` runs the three servers in `folder` until it is left.

    Enter it from the event loop's own thread: on Linux the servers die with the thread that started
    them. A second start in the same folder is refused. What is stored, the passwords and, where
    they are free, the ports stay from one run to the next.
    """

    postgres: PostgresServer
    redis: RedisServer
    spaces: SpacesServer

    def __init__(self, folder: Path, *, on_step: OnStep | None = None) -> None:
        self.folder = folder.absolute()
        self.notes: list[str] = []
        """Sentences for whoever starts it: where things lie when not in the folder."""
        self._on_step = on_step or (lambda _name, _seconds: None)
        self._lock_fd: int | None = None

    async def __aenter__(self) -> Self:
        self._lock_fd = self._prepare_folder()
        try:
            self._make_servers()
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    @property
    def servers(self) -> tuple[Server, ...]:
        return (self.postgres, self.redis, self.spaces)

    @property
    def database_url(self) -> str:
        return self.postgres.url()

    @property
    def redis_url(self) -> str:
        return self.redis.url()

    @property
    def spaces_endpoint(self) -> str:
        return self.spaces.endpoint

    @property
    def spaces_region(self) -> str:
        return REGION

    @property
    def spaces_bucket(self) -> str:
        return BUCKET

    @property
    def spaces_key(self) -> str:
        return self._credentials.spaces_key

    @property
    def spaces_secret(self) -> str:
        return self._credentials.spaces_secret

    def environment(self) -> dict[str, str]:
        """The settings' variables that point a server at this stack."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SPACES_ENDPOINT": self.spaces_endpoint,
            "SPACES_REGION": self.spaces_region,
            "SPACES_BUCKET": self.spaces_bucket,
            "SPACES_KEY": self.spaces_key,
            "SPACES_SECRET": self.spaces_secret,
        }

    def _prepare_folder(self) -> int:
        """Make the folder and hold its lock; the answer keeps the lock until it is closed."""
        if not self.folder.exists():
            # `nobody` must pass through; every file inside that matters has its own mode.
            self.folder.mkdir(parents=True)
            self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(fd, 32).decode(errors="replace").strip()
            os.close(fd)
            raise StackError(
                f"An embedded stack already runs in {self.folder} (pid {holder}). "
                "Stop that one, or choose another folder."
            ) from None
        os.truncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        return fd

    def _make_servers(self) -> None:
        self._credentials = _kept_credentials(self.folder / "credentials.json")
        kept = _kept_ports(self.folder / "ports.json")
        postgres_port, redis_port, spaces_port = free_ports([kept.get(n) for n in SERVER_NAMES])
        account = unprivileged_account()
        self.postgres = PostgresServer(
            self.folder,
            self._postgres_home(account),
            port=postgres_port,
            password=self._credentials.postgres_password,
            account=account,
        )
        self.redis = RedisServer(
            self.folder, port=redis_port, password=self._credentials.redis_password
        )
        self.spaces = SpacesServer(
            self.folder,
            port=spaces_port,
            key=self._credentials.spaces_key,
            secret=self._credentials.spaces_secret,
        )

    def _postgres_home(self, account: Account | None) -> Path:
        if can_enter(self.folder, account):
            return self.folder
        home = SYSTEM_HOME / hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        for path in (SYSTEM_HOME, home):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        self.notes.append(
            f"Postgres does not run as root, and its account cannot enter {self.folder}: "
            f"the database is in {home}."
        )
        return home

    async def _start(self) -> None:
        results = await asyncio.gather(
            *(self._start_one(server) for server in self.servers), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        ports = {server.name: server.port for server in self.servers}
        (self.folder / "ports.json").write_text(json.dumps(ports))

    async def _start_one(self, server: Server) -> None:
        begin = time.monotonic()
        await server.start()
        self._on_step(server.title, time.monotonic() - begin)

    async def _stop(self) -> None:
        """May be cancelled: what still runs then ends with this process."""
        try:
            if hasattr(self, "spaces"):
                await asyncio.gather(*(server.stop() for server in self.servers))
        finally:
            if self._lock_fd is not None:
                os.close(self._lock_fd)
                self._lock_fd = None


@dataclass(frozen=True, slots=True, repr=False)
class _Credentials:
    postgres_password: str
    redis_password: str
    spaces_key: str
    spaces_secret: str


def _kept_credentials(path: Path) -> _Credentials:
    """Read what an earlier run wrote, or write new ones."""
    with contextlib.suppress(FileNotFoundError):
        return _Credentials(**json.loads(path.read_text()))
    made = _Credentials(
        postgres_password=secrets.token_urlsafe(24),
        redis_password=secrets.token_urlsafe(24),
        spaces_key=secrets.token_hex(10),
        spaces_secret=secrets.token_urlsafe(30),
    )
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(made), file)
    partial.replace(path)
    return made


def _kept_ports(path: Path) -> dict[str, int]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        kept = json.loads(path.read_text())
        if isinstance(kept, dict):
            return {name: port for name, port in kept.items() if isinstance(port, int)}
    return {}
