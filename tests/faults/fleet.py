"""Whole processes on a stack of their own: what runs, on which line, and what starts it again."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from tests.faults.model import Model
from tests.faults.proxy import Proxy
from voicehub.app import tokens_of
from voicehub.devstack import Stack, launcher
from voicehub.devstack.server import free_ports
from voicehub.settings import Settings
from voicehub.storage import seed, users
from voicehub.storage.migrations import migrate
from voicehub.storage.postgres import Postgres
from voicehub.tasks import spawn, stop

AGENT = "Ava"
# The stores by the variable that names them.
STORES = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "spaces": "SPACES_ENDPOINT"}
READY_S_MAX = 60.0
STOP_S_MAX = 40.0
# A process that ended is started again after this, as its supervisor would.
RESTART_S = 1.0
# Nobody's limits stand in the way of the faults.
SESSIONS_MAX = 10_000
PLAN_TOKENS = Decimal(10**12)
# Errors that are an answer to a fault: requests that met an outage or another owner, a task of
# aiohttp's own whose connection was cut, an upload that was lost and is made again.
EXPECTED = (
    '"error": "StorageError"',
    '"error": "FencedError"',
    "ClientRequest.write_bytes",
    "RecordingLostError",
)


class Process:
    """A `voicehub` command that is started again whenever it ends, until `close`."""

    def __init__(
        self, name: str, arguments: tuple[str, ...], environment: dict[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        self.starts = 0
        self.up = asyncio.Event()
        """Set while it runs and has said that it does."""
        self._arguments = arguments
        self._says_ready = arguments[0] == "serve"  # a worker logs it
        self._environment = environment
        self._child: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        self._keeping = spawn(self._keep(), name=f"keeper of {self.name}")
        async with asyncio.timeout(READY_S_MAX):
            await self.up.wait()

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Its log's lines of that message."""
        lines = self.log.read_text(errors="replace").splitlines()
        found = (orjson.loads(line) for line in lines if f'"{message}"' in line)
        return [line for line in found if line["event"] == message]

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL, SIGTERM, SIGSTOP or SIGCONT, where it runs."""
        if self._child is not None and self._child.returncode is None:
            if number in {signal.SIGKILL, signal.SIGTERM}:
                self.up.clear()
            self._child.send_signal(number)

    async def close(self) -> None:
        """Ask it to end and wait; past `STOP_S_MAX` kill it."""
        self._closing = True
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._keeping is None:
            return
        _, late = await asyncio.wait([self._keeping], timeout=STOP_S_MAX)
        if late:
            self.signal(signal.SIGKILL)
        await stop(self._keeping)

    async def _keep(self) -> None:
        while not self._closing:
            await self._run_once()
            if not self._closing:
                await asyncio.sleep(RESTART_S)  # what a supervisor waits too

    async def _run_once(self) -> None:
        # The launcher lets it die with us, however we die.
        binding = (os.getpid(), int(signal.SIGKILL), -1, -1)
        with self.log.open("ab") as sink:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(launcher.__file__)),
                *(str(number) for number in binding),
                *(sys.executable, "-m", "voicehub", *self._arguments),
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                env=self._environment,
            )
        self.starts += 1
        if not self._says_ready:
            self.up.set()
        assert self._child.stdout is not None
        try:
            async for line in self._child.stdout:
                if b"listens on" in line:
                    self.up.set()
        finally:
            self.up.clear()
            if self._child.returncode is None and self._closing is False:
                with contextlib.suppress(ProcessLookupError):
                    self._child.kill()
            await self._child.wait()


@dataclass(frozen=True, slots=True)
class Server:
    """A `voicehub serve`, the line that clients reach it by, and its own lines to the stores."""

    process: Process
    line: Proxy
    stores: dict[str, Proxy]
    url: str
    """Of the line, or of the server itself where nothing goes through proxies."""

    def children(self) -> list[int]:
        """Of `serve --workers`: the processes that serve, the oldest first."""
        newest: dict[int, int] = {}
        for line in self.process.logged("server started"):
            newest.pop(line["number"], None)
            newest[line["number"]] = line["pid"]
        return list(newest.values())


@dataclass(frozen=True, slots=True)
class Fleet:
    folder: Path
    stack: Stack
    model: Model
    servers: list[Server]
    workers: list[Process]
    worker_lines: list[dict[str, Proxy]]
    settings: Settings
    token: str
    """Of the one user, of the one team."""
    team_id: int

    def lines_to(self, store: str) -> list[Proxy]:
        """Everybody's lines to a store."""
        return [
            *(server.stores[store] for server in self.servers),
            *(lines[store] for lines in self.worker_lines),
        ]

    @property
    def processes(self) -> list[Process]:
        return [*(server.process for server in self.servers), *self.workers]

    def complaints(self) -> list[str]:
        """What any process logged as an error, or died of."""
        return [
            f"{process.name}: {line}"
            for process in self.processes
            for text in process.log.read_text(errors="replace").splitlines()
            if (line := _complaint(text))
        ]


@asynccontextmanager
async def fleet(
    *,
    servers: int,
    workers: int,
    keep: Path | None = None,
    plan_tokens: Decimal = PLAN_TOKENS,
    direct: bool = False,
    **variables: str,
) -> AsyncIterator[Fleet]:
    """Everything up and answering. `keep` is a folder that stays afterwards, for the logs. Where it
    is `direct`, nothing goes through proxies: much less work, and no line can be broken.
    """
    with _folder(keep) as folder:
        async with AsyncExitStack() as opened:
            stack = await opened.enter_async_context(Stack(folder))
            model = await opened.enter_async_context(Model())
            environment = {**_environment(folder, stack, model), **variables}
            settings = Settings(**environment)  # type: ignore[arg-type]  # pydantic parses the text
            await migrate(stack.database_url)
            token, team_id = await _seeded(stack, settings, plan_tokens)
            built = Fleet(folder, stack, model, [], [], [], settings, token, team_id)
            for number in range(servers):
                server = await _server(opened, built, environment, number, direct=direct)
                built.servers.append(server)
            for number in range(workers):
                own, lines = await _own_lines(opened, stack, environment)
                log = folder / f"worker-{number}.log"
                variables = environment if direct else own
                built.workers.append(Process(f"worker {number}", ("worker",), variables, log))
                built.worker_lines.append(lines)
            opened.push_async_callback(_close, built)
            async with asyncio.TaskGroup() as group:
                for process in built.processes:
                    group.create_task(process.start())
            yield built


async def _close(built: Fleet) -> None:
    async with asyncio.TaskGroup() as group:
        for process in built.processes:
            group.create_task(process.close())


async def _server(
    opened: AsyncExitStack,
    built: Fleet,
    environment: dict[str, str],
    number: int,
    *,
    direct: bool,
) -> Server:
    own, stores = await _own_lines(opened, built.stack, environment)
    (port,) = free_ports([None])
    line = await opened.enter_async_context(Proxy(port))
    log = built.folder / f"serve-{number}.log"
    variables = environment if direct else own
    process = Process(f"serve {number}", ("serve", "--port", str(port)), variables, log)
    return Server(process, line, stores, f"http://127.0.0.1:{port if direct else line.port}")


async def _own_lines(
    opened: AsyncExitStack, stack: Stack, environment: dict[str, str]
) -> tuple[dict[str, str], dict[str, Proxy]]:
    own, lines = dict(environment), {}
    for store, variable in STORES.items():
        parts = urlsplit(environment[variable])
        assert parts.port is not None
        lines[store] = await opened.enter_async_context(Proxy(parts.port))
        sign_in = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
        place = f"{sign_in}127.0.0.1:{lines[store].port}"
        own[variable] = urlunsplit(parts._replace(netloc=place))
    return own, lines


async def _seeded(stack: Stack, settings: Settings, plan_tokens: Decimal) -> tuple[str, int]:
    """The team's user's token, and the team."""
    postgres = await Postgres.connect(stack.database_url)
    try:
        async with postgres.transaction() as conn:
            seeded = await seed.seed(conn, hash_password=str)  # nobody signs in by password here
            await conn.execute(
                "UPDATE plans SET max_audio_tokens = $1, max_text_tokens = $2",
                plan_tokens,
                PLAN_TOKENS,
            )
            await conn.execute("""UPDATE ai_agents SET settings = '{"engine": "model"}'""")
            (user,) = await users.by_email(conn, seeded.user_email)
    finally:
        await postgres.close()
    return tokens_of(settings).issue_access(user)[0], user.team_id


def _environment(folder: Path, stack: Stack, model: Model) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        **stack.environment(),
        "VOICEHUB_JWT_KEYS": f"faults:{secrets.token_hex(32)}",
        "VOICEHUB_SPOOL": str(folder / "spool"),
        "VOICEHUB_SESSIONS_PER_USER": str(SESSIONS_MAX),
        "VOICEHUB_SESSIONS_PER_TEAM": str(SESSIONS_MAX),
        # The agents name the model; the offline engine's weights are not loaded beside the echo.
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_ENGINES": json.dumps({"model": {"url": model.url}}),
        "VOICEHUB_ACCESS_TOKEN_S": "86400",
        "VOICEHUB_LOG": "json",
    }


def _complaint(text: str) -> str:
    """The line, if it is one. What a handled outage left behind is none: the books tell of that."""
    if text.startswith("Traceback"):
        return text
    try:
        logged = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    if logged.get("level") not in {"error", "critical"} or any(word in text for word in EXPECTED):
        return ""
    reason = logged.get("exception") or logged.get("error") or ""
    return f"{logged.get('event')} {reason.splitlines()[-1] if reason else ''}".strip()


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    folder = keep or Path(tempfile.mkdtemp(prefix="voicehub-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # Postgres runs under an account of its own where we are root
    try:
        yield folder
    finally:
        if keep is None:
            shutil.rmtree(folder)
