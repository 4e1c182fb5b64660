"""A scripted upstream, and engines that talk to it and to nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.upstream import STEP_S_MAX, Connection, Provider
from voicehub.engines.upstream.account import Upstream
from voicehub.engines.upstream.dial import Patience, open_http
from voicehub.engines.upstream.engine import UpstreamEngine
from voicehub.errors import EngineError
from voicehub.realtime.frame import Body, Frame
from voicehub.session.spec import agent_session
from voicehub.tasks import spawn

KEY = "sk-secret"
# Long enough for a busy machine, short enough for tests of what runs out.
PATIENCE = Patience(wait_s=0.01, wait_s_max=0.02)
SESSION = agent_session(persona="A fisherman.", system="Be kind.", settings={}, context={})


@dataclass
class Talk:
    """One open engine; `seen` holds every frame in order."""

    engine: UpstreamEngine
    session: Body
    line: Connection
    seen: list[Frame] = field(default_factory=list)
    failure: EngineError | None = None
    _reader: "asyncio.Task[None] | None" = None
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _read: int = 0

    def start(self) -> None:
        self._reader = spawn(self._run(), name="engine's reader")

    async def send(self, kind: str, /, **fields: Any) -> None:
        await self.engine.send(Frame(kind, {"type": kind, **fields}))

    async def append(self, duration_ms: int, sample: bytes = b"\1\0") -> None:
        kind = "input_audio_buffer.append"
        await self.engine.send(Frame(kind, {"type": kind}, audio=sample * (24 * duration_ms)))

    async def until(self, kind: str) -> Frame:
        async with asyncio.timeout(STEP_S_MAX):
            while True:
                while self._read < len(self.seen):
                    self._read += 1
                    if self.seen[self._read - 1].type == kind:
                        return self.seen[self._read - 1]
                self._arrived.clear()
                assert not self._reader.done(), f"ended before {kind}: {self.failure}"
                await self._arrived.wait()

    async def until_over(self) -> EngineError | None:
        async with asyncio.timeout(STEP_S_MAX):
            await asyncio.wait([self._reader])
        self._reader.result()
        return self.failure

    @property
    def kinds(self) -> list[str]:
        return [frame.type for frame in self.seen]

    async def close(self) -> None:
        await self.engine.aclose()
        if self._reader is not None:
            await self.until_over()

    async def _run(self) -> None:
        try:
            async for frame in self.engine.frames():
                self.seen.append(frame)
                self._arrived.set()
        except EngineError as error:
            self.failure = error
        self._arrived.set()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    running = Provider()
    await running.server.start_server()
    yield running
    await running.close()


NewEngine = Callable[..., UpstreamEngine]


@pytest.fixture
async def new_engine(provider) -> AsyncIterator[NewEngine]:
    engines: list[UpstreamEngine] = []
    async with open_http() as http:

        def make(patience: Patience = PATIENCE, **more: Any) -> UpstreamEngine:
            given = {"url": provider.url, "model": "model-1", "key": KEY, **more}
            engines.append(UpstreamEngine(Upstream("cloud", **given), http, patience))
            return engines[-1]

        yield make
        for engine in engines:
            await engine.aclose()


NewTalk = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def new_talk(provider, new_engine) -> AsyncIterator[NewTalk]:
    talks: list[Talk] = []

    async def begin(patience: Patience = PATIENCE, session: Body = SESSION, **more: Any) -> Talk:
        engine = new_engine(patience, **more)
        opening = spawn(engine.open(session), name="opening")
        line = await provider.connection()
        await line.greet()
        talks.append(Talk(engine, await opening, line))
        talks[-1].start()
        return talks[-1]

    yield begin
    for talk in talks:
        await talk.close()


@pytest.fixture
async def talk(new_talk) -> Talk:
    return await new_talk()
