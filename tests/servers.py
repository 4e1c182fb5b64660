"""`voicehub serve` as processes of their own, and callers on them."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from voicehub.auth.passwords import hash_password
from voicehub.client import Api, Conversation, Event, Notice, Observer, Reconnected
from voicehub.storage import seed
from voicehub.storage.postgres import Postgres

READY_S_MAX = 60.0
STEP_S_MAX = 30.0


@dataclass
class Server:
    """One `voicehub serve`, alone or with its workers."""

    child: asyncio.subprocess.Process
    url: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What it and its workers have logged."""
    said: str = ""
    """What else stood on standard error."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Neither it nor a worker of its runs: nobody has their standard error open any more."""
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def logged(self, message: str, times: int = 1, **attributes: Any) -> dict[str, Any]:
        """Wait for the log line of that message."""
        async with asyncio.timeout(STEP_S_MAX):
            while len(found := self.logged_already(message, **attributes)) < times:
                self._grown.clear()
                await self._grown.wait()
        return found[times - 1]

    def logged_already(self, message: str, **attributes: Any) -> list[dict[str, Any]]:
        asked = {"event": message, **attributes}
        return [line for line in self.lines if asked.items() <= line.items()]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """What was logged above `info`."""
        return [line for line in self.lines if line["level"] not in {"info", "debug"}]

    @property
    def workers(self) -> list[int]:
        """The process of each worker, as started last."""
        newest = {each["number"]: each["pid"] for each in self.logged_already("server started")}
        return [newest[number] for number in sorted(newest)]

    async def left(self, timeout_s: float = STEP_S_MAX) -> int:
        """Its exit code, once it and its workers are gone."""
        async with asyncio.timeout(timeout_s):
            await self.gone.wait()
            return await self.child.wait()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        return await self.left()

    async def insist(self) -> int:
        """Signals until it ends: the second of them, as a launcher that hurries sends it."""
        while True:
            self.child.send_signal(signal.SIGTERM)
            try:
                return await self.left(1.0)
            except TimeoutError:
                continue

    async def listen(self, stderr: asyncio.StreamReader) -> None:
        while line := (await stderr.readline()).decode():
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.said += line
            self._grown.set()
        self.gone.set()


@asynccontextmanager
async def started(environment: dict[str, str], *options: str) -> AsyncIterator[Server]:
    """`voicehub serve` with `options`, not waited for. What is left of it at the end is killed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicehub", "serve", *options),
        env={**os.environ, **environment, "VOICEHUB_LOG": "json"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr is not None
    server = Server(child)
    async with asyncio.TaskGroup() as reading:
        reading.create_task(server.listen(child.stderr))
        try:
            yield server
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()
            for pid in [] if server.gone.is_set() else server.workers:
                _kill(pid)


@asynccontextmanager
async def serving(environment: dict[str, str], *options: str) -> AsyncIterator[Server]:
    """`voicehub serve`, from the moment that it listens; `--port 0` unless `options` name one."""
    port = () if "--port" in options else ("--port", "0")
    async with started(environment, *port, *options) as server:
        assert server.child.stdout is not None
        async with asyncio.timeout(READY_S_MAX):
            told = (await server.child.stdout.readline()).decode()
        found = re.search(r"listens on (\S+)", told)
        assert found, f"{told}{server.said}{server.lines}"
        server.url = found[1]
        yield server


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class Caller:
    """Somebody who says nothing and listens, in one session, over as many sockets as it takes."""

    def __init__(
        self, http: aiohttp.ClientSession, created: dict[str, Any], come_back_s: float
    ) -> None:
        self.id: int = created["id"]
        self.seen: list[str] = []
        """What of the agent's they saw finished, by the ids of the items."""
        self.moves = 0
        """How often another owner had the session."""
        self.talk: Conversation
        self._http = http
        self._ticket = (created["url"], created["client_secret"]["value"])
        self._come_back_s = come_back_s
        self._moved_at = 0
        self._moved = asyncio.Event()
        self._open = AsyncExitStack()

    async def connect(self) -> None:
        observer = Observer(event=self._note, notice=self._notice)
        talk = Conversation(
            self._http, *self._ticket, come_back_s=self._come_back_s, observer=observer
        )
        self.talk = await self._open.enter_async_context(talk)

    async def in_a_reply(self, moves: int = 0) -> None:
        """Of the owner after so many moves."""
        async with asyncio.timeout(STEP_S_MAX):
            while self.moves < moves:
                self._moved.clear()
                await self._moved.wait()
        created = "response.created"
        await self.talk.wait_for(created, since=self._moved_at, timeout_s=STEP_S_MAX)

    async def hang_up(self) -> None:
        await self._open.aclose()

    def _note(self, event: Event) -> None:
        if event.type == "response.output_audio_transcript.done":
            self.seen.append(event.body["item_id"])

    def _notice(self, notice: Notice) -> None:
        if isinstance(notice, Reconnected) and not notice.is_continued:
            self.moves += 1
            self._moved_at = self.talk.mark()
            self._moved.set()


class Callers:
    """All who talk with the servers of a test."""

    def __init__(self, http: aiohttp.ClientSession, password: str, come_back_s: float) -> None:
        self._http = http
        self._password = password
        self._come_back_s = come_back_s
        self.all: list[Caller] = []
        self._left: dict[int, int] = {}

    @classmethod
    @asynccontextmanager
    async def of(cls, password: str, *, come_back_s: float = 0.0) -> "AsyncIterator[Callers]":
        """Nobody yet; they sign in as the seeded user, and hang up at the end."""
        # A connection each: the kernel chooses a worker by the connection.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            callers = cls(http, password, come_back_s)
            try:
                yield callers
            finally:
                await callers.hang_up()

    async def join(self, url: str, count: int) -> list[Caller]:
        """So many more, each in the middle of a reply."""
        api = Api(self._http, url)
        await api.login(seed.USER_EMAIL, self._password)
        joined = [
            Caller(self._http, await api.open_session("Ava"), self._come_back_s)
            for _ in range(count)
        ]
        self.all += joined
        for each in joined:
            await each.connect()
        for each in joined:
            await each.in_a_reply()
        return joined

    async def come_back(self, server: Server) -> int:
        """Whom the server has left goes on elsewhere, each by itself. Returns how many."""
        left = [line["session_id"] for line in server.logged_already("session put away")]
        gone = [each for each in self.all if each.id in left]
        for each in gone:
            self._left[each.id] = self._left.get(each.id, 0) + 1
            await each.in_a_reply(self._left[each.id])
        return len(gone)

    async def hang_up(self) -> None:
        for each in self.all:
            await each.hang_up()

    async def assert_all_is_kept(self, pg: Postgres, reason: str) -> None:
        """What each of them saw finished stands in the row once, in order, and the row is ended."""
        async with pg.connection() as conn:
            query = "SELECT * FROM sessions WHERE id = $1"
            rows = [await conn.fetchrow(query, each.id) for each in self.all]
        for row, caller in zip(rows, self.all, strict=True):
            assert (row["status"], row["data"]["ended_reason"]) == ("completed", reason)
            kept = [line["item_id"] for line in row["data"]["transcript"]]
            assert len(kept) == len(set(kept))
            # A reply that was cut at the end has a line, and its caller saw no end of it.
            assert [item for item in kept if item in caller.seen] == caller.seen


async def seeded_environment(
    stores: dict[str, str], pg: Postgres, spool: Path, password: str, **more: str
) -> dict[str, str]:
    """What servers on `stores` need to serve the echo engine to the demo's users."""
    async with pg.transaction() as conn:
        await seed.seed(conn, hash_password=hash_password, user_password=password)
    return {
        **stores,
        "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_SPOOL": str(spool),
        "VOICEHUB_SESSIONS_PER_USER": "1000",
        **more,
    }
