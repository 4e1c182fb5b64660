"""A stack that only these tests break, servers that reach it through proxies, and their books."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from tests.faults.proxy import Proxy
from tests.integration.live.conftest import NewSite, Site
from tests.integration.live.conftest import new_site as new_site  # noqa: PLC0414  # a fixture
from tests.realtime import BYTES_PER_MS, TRANSCRIBED, Caller, Talk
from voicehub.devstack import Stack
from voicehub.devstack.server import Server
from voicehub.realtime.tokens import duration_usage
from voicehub.storage.migrations import migrate
from voicehub.tasks import spawn, stop

AGENT_SPOKE = "response.output_audio_transcript.done"
AUDIO_TOKENS, TEXT_TOKENS = 30, 5  # of each reply
# The share of a turn's time that the caller speaks; also what paces the conversation.
TURN_MS = 300


@pytest.fixture(scope="session")
def faults_folder() -> Iterator[Path]:
    """One that every account may enter, for servers."""
    folder = Path(tempfile.mkdtemp(prefix="voicehub-faults-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def stack(faults_folder: Path) -> AsyncIterator[Stack]:
    """Not the one of the other tests: here servers are killed."""
    async with Stack(faults_folder) as running:
        yield running


@pytest.fixture(scope="session")
async def template_database(stack: Stack) -> str:
    conn = await asyncpg.connect(stack.postgres.url("postgres"))
    try:
        await conn.execute(f"CREATE DATABASE {TEMPLATE}")
    finally:
        await conn.close()
    await migrate(stack.postgres.url(TEMPLATE))
    return TEMPLATE


@dataclass
class Stores:
    """One server's ways to the three stores."""

    postgres: Proxy
    redis: Proxy
    spaces: Proxy
    variables: dict[str, str] = field(default_factory=dict)

    def named(self, store: str) -> Proxy:
        proxy: Proxy = getattr(self, store)
        return proxy


NewStores = Callable[[], Awaitable[Stores]]


@pytest.fixture
async def new_stores(stack: Stack, store_environment: dict[str, str]) -> AsyncIterator[NewStores]:
    async with AsyncExitStack() as opened:

        async def start() -> Stores:
            stores = Stores(
                *[await opened.enter_async_context(Proxy(server.port)) for server in stack.servers]
            )
            for server in stack.servers:
                there, here = f"127.0.0.1:{server.port}", stores.named(server.name).port
                stores.variables |= {
                    name: value.replace(there, f"127.0.0.1:{here}")
                    for name, value in store_environment.items()
                    if there in value
                }
            return stores

        yield start


@pytest.fixture
async def new_chat(
    new_site: NewSite, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable["Chat"]]]:
    """Opens a session that talks until it is closed, on a server of its own."""
    async with AsyncExitStack() as opened:

        async def start(variables: dict[str, str]) -> Chat:
            site = await new_site(
                VOICEHUB_SPOOL=tmp_path / secrets.token_hex(4),
                VOICEHUB_SESSIONS_PER_USER=100,
                **variables,
            )
            chat = Chat(site, await site.talk())
            opened.push_async_callback(chat.stop)
            chat.start()
            return chat

        yield start


class Chat:
    """A caller and an agent who take turns without end, and what the client saw of it."""

    def __init__(self, site: Site, talk: Talk) -> None:
        self.site = site
        self.talk = talk
        self.turns = 0
        self.waited_s: list[float] = []
        """How long the client waited for the end of each response."""
        self._caller = Caller(talk)
        self._turned = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._hangs_up = False

    def start(self) -> None:
        self._tasks = [
            spawn(self._caller.run(), name="caller"),
            spawn(self._converse(), name="conversation"),
        ]

    async def go_on(self, turns: int = 2) -> None:
        """Return after so many more whole turns."""
        upto = self.turns + turns + 1  # one is under way
        while self.turns < upto:
            turned = spawn(self._turned.wait(), name="turn")
            await asyncio.wait([turned, self._tasks[1]], return_when=asyncio.FIRST_COMPLETED)
            await stop(turned)
            if self._tasks[1].done():
                await self._tasks[1]
            self._turned.clear()

    async def end(self) -> dict[str, Any]:
        """Hang up between two turns. Returns the row, after the server's last write."""
        self._hangs_up = True
        await self._tasks[1]
        await self.stop()
        await self.talk.close()
        return await self.site.over(self.talk.session_id)

    async def stop(self) -> None:
        for task in self._tasks:
            await stop(task)
        self._tasks = []

    @property
    def lines(self) -> dict[str, str]:
        """What the client saw finished, by item."""
        finished = [*self.talk.of(TRANSCRIBED), *self.talk.of(AGENT_SPOKE)]
        return {event["item_id"]: event["transcript"] for event in finished}

    async def _converse(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._hangs_up:
            number = self.turns
            await self._caller.say(b"\1\0" * (TURN_MS * BYTES_PER_MS // 2))
            engine = self.site.engine
            await engine.user_turn(f"turn_{number}", after=None)
            await engine.transcribed(f"turn_{number}", f"I say {number}.")
            asked_s = loop.time()
            usage = duration_usage(AUDIO_TOKENS * 100, 0, TEXT_TOKENS, 0)
            await engine.reply(number, f"You said {number}.", usage=usage)
            await self.talk.until("response.done")
            self.waited_s.append(loop.time() - asked_s)
            self.turns += 1
            self._turned.set()


async def check_books(chat: Chat, row: dict[str, Any]) -> None:
    """What the client saw against what is kept: each line once, each token once, all the audio."""
    kept = [(line["item_id"], line["transcript"]) for line in row["data"]["transcript"]]
    assert sorted(kept) == sorted(chat.lines.items())
    assert row["usage"]["responses"] == chat.turns
    assert row["usage"]["audio_tokens"] == AUDIO_TOKENS * chat.turns
    assert row["usage"]["text_tokens"] == TEXT_TOKENS * chat.turns
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    assert row["data"]["recording"]["state"] == "ready"
    assert chat.talk.errors == []


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The server stands still, each process of it: it takes connections and answers nothing."""
    assert server.pid is not None
    family = [server.pid, *_children(server.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(family):
            os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]
