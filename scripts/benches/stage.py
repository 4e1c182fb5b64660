"""Where benchmarks run: the embedded stack in a folder of its own, a team with a plan that does not
run out, and servers as children, so that the system's accounting tells them apart.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types

from voicehub.app import spaces_of, spool_of
from voicehub.auth.tokens import Tokens
from voicehub.devstack import Stack
from voicehub.errors import VoiceHubError
from voicehub.settings import Settings
from voicehub.sinks.spool import Spool
from voicehub.storage import admission, ownership, seed, users
from voicehub.storage.migrations import migrate
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.sessions import Limits
from voicehub.storage.spaces import Spaces

AGENT = "Ava"
READY_S_MAX = 60.0
STOP_S_MAX = 60.0
LOG_LINES_SHOWN = 20
SESSIONS_MAX = 10_000
_NO_LIMITS = Limits(SESSIONS_MAX, SESSIONS_MAX, 60)


@dataclass(frozen=True, slots=True)
class Stage:
    """What is there once the curtain is up."""

    folder: Path
    stack: Stack
    environment: dict[str, str]
    token: str
    """An access token of the team's user."""
    team_id: int
    user_id: int

    @property
    def settings(self) -> Settings:
        return Settings(**self.environment)  # type: ignore[arg-type]  # pydantic parses the text

    @contextlib.asynccontextmanager
    async def postgres(self) -> AsyncIterator[Postgres]:
        postgres = await Postgres.connect(self.stack.database_url)
        try:
            yield postgres
        finally:
            await postgres.close()

    @contextlib.asynccontextmanager
    async def recordings(self) -> AsyncIterator[tuple[Spaces, Spool]]:
        async with spaces_of(self.settings) as spaces, spool_of(self.settings) as spool:
            yield spaces, spool

    async def own_session(self, postgres: Postgres, redis: Redis) -> Owned:
        """A fresh session of the team in progress, and its fencing token."""
        _, session = await admission.create_session(
            postgres,
            redis,
            self.team_id,
            self.user_id,
            agent_reference=AGENT,
            client_context={},
            limits=_NO_LIMITS,
        )
        async with postgres.connection() as conn:
            token = await ownership.start(conn, self.team_id, session.id)
        return Owned(self.team_id, session.id, token)

    def store_pids(self) -> dict[str, int]:
        """Each store's first process, by its title."""
        return {server.title: server.pid for server in self.stack.servers if server.pid}

    @contextlib.asynccontextmanager
    async def voicehub(self, **variables: str) -> AsyncIterator["Child"]:
        """`voicehub serve` with these settings above the stage's own."""
        environment = {**os.environ, **self.environment, **variables}
        command = ("-m", "voicehub", "serve", "--port", "0")
        async with child(command, environment, self.folder / "voicehub.log") as server:
            yield server


@dataclass(frozen=True, slots=True)
class Child:
    """A server of ours that listens."""

    url: str
    pid: int
    said: asyncio.StreamReader
    """What it prints after its address."""


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """The stack, migrated and seeded; everything is gone afterwards."""
    with _folder() as folder:
        async with Stack(folder) as stack:
            await migrate(stack.database_url)
            environment = _environment(folder, stack)
            settings = Settings(**environment)  # type: ignore[arg-type]  # pydantic parses the text
            yield await _seeded(folder, stack, environment, settings)


async def _seeded(
    folder: Path, stack: Stack, environment: dict[str, str], settings: Settings
) -> Stage:
    postgres = await Postgres.connect(stack.database_url)
    try:
        async with postgres.transaction() as conn:
            seeded = await seed.seed(conn, hash_password=str)  # nobody signs in by password here
            await conn.execute("UPDATE plans SET max_audio_tokens = 1e12, max_text_tokens = 1e12")
            (user,) = await users.by_email(conn, seeded.user_email)
    finally:
        await postgres.close()
    tokens = Tokens(
        settings.jwt_keys,
        access_token_s=settings.access_token_s,
        client_secret_s=settings.client_secret_s,
        admin_emails=settings.admin_emails,
    )
    token = tokens.issue_access(user)[0]
    return Stage(folder, stack, environment, token, user.team_id, user.id)


def _environment(folder: Path, stack: Stack) -> dict[str, str]:
    return {
        **stack.environment(),
        "VOICEHUB_JWT_KEYS": f"bench:{secrets.token_hex(32)}",
        "VOICEHUB_SPOOL": str(folder / "spool"),
        "VOICEHUB_SESSIONS_PER_USER": str(SESSIONS_MAX),
        "VOICEHUB_SESSIONS_PER_TEAM": str(SESSIONS_MAX),
    }


@contextlib.asynccontextmanager
async def child(
    command: tuple[str, ...], environment: dict[str, str], log: Path
) -> AsyncIterator[Child]:
    """A Python server that prints its address as the last word of a line once it listens."""
    with log.open("wb") as sink:
        server = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=sink, env=environment
        )
    try:
        address = await _address(server)
        assert server.stdout is not None
        yield Child(address, server.pid, server.stdout)
    except Exception as error:
        error.add_note(_last_lines(log))
        raise
    finally:
        if server.returncode is None:
            server.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(server.wait(), STOP_S_MAX)
        except TimeoutError:
            server.kill()
            await server.wait()


async def _address(server: asyncio.subprocess.Process) -> str:
    assert server.stdout is not None
    async with asyncio.timeout(READY_S_MAX):
        async for line in server.stdout:
            word = line.decode().split()[-1:]
            if word and word[0].startswith("http://"):
                return word[0]
    raise VoiceHubError("The server did not start.")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="voicehub-bench-"))
    folder.chmod(0o711)  # Postgres runs under an account of its own where we are root
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def cpu_s(pid: int, *, family: bool = False) -> float:
    """What the system accounts to a process and all its threads so far; `family`: to its children
    as well, living and ended.
    """
    first = psutil.Process(pid)
    members = [first, *first.children(recursive=True)] if family else [first]
    seconds = 0.0
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            times: Any = member.cpu_times()  # psutil's type differs from system to system
            seconds += times.user + times.system
            if family:
                seconds += times.children_user + times.children_system
    return seconds


def rss_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)
