"""The callers of the soak: sessions that open, speak for some seconds, and end in three ways."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
import orjson
import pybase64
from benches.voice import FRAME_MS, frames

from voicehub.tasks import spawn

OPEN_S_MAX = 60.0
# Sessions that open at once; the next one waits.
OPENING_MAX = 16
LIFE_S_MIN, LIFE_S_MAX = 1.0, 5.0
# The server ends a session that is older.
SESSION_S_MAX = 6
CHUNK_FRAMES = 4
CHUNK_S = CHUNK_FRAMES * FRAME_MS / 1000
# A refused caller tries again after this.
REFUSED_S = 1.0
Socket = aiohttp.ClientWebSocketResponse[bool]


class End(StrEnum):
    HUNG_UP = "hung up"
    CUT = "cut"
    TOO_LONG = "ended by the server"


@dataclass(slots=True)
class Tally:
    done: Counter[End] = field(default_factory=Counter)
    open: int = 0
    open_most: int = 0
    refused: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    """Ends that nobody wanted."""

    @contextmanager
    def counted(self) -> Iterator[None]:
        self.open += 1
        self.open_most = max(self.open_most, self.open)
        try:
            yield
        finally:
            self.open -= 1


class Callers:
    """Each speaks to the next of `agents`, and ends in the next of the ways."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, token: str, agents: tuple[str, ...]
    ) -> None:
        self.tally = Tally()
        self._http = http
        self._url = f"{url}/v1/realtime"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._turns = itertools.cycle(itertools.product(End, agents))
        self._chunks = _chunks()
        self._opening = asyncio.Semaphore(OPENING_MAX)
        self._random = random.Random(1)  # noqa: S311  # which life is how long; the same in each run

    async def talk(self, count: int, seconds: float) -> None:
        """`count` at a time, one after another, for `seconds`; all have ended when this returns."""
        until_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._one_after_another(until_s))

    async def _one_after_another(self, until_s: float) -> None:
        while time.monotonic() < until_s:
            end, agent = next(self._turns)
            try:
                await self._session(end, agent, until_s)
            except aiohttp.WSServerHandshakeError as error:
                self.tally.refused += 1
                self.tally.odd[f"refused with {error.status}"] += error.status not in {429, 503}
                await asyncio.sleep(REFUSED_S)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.tally.odd[type(error).__name__] += 1

    async def _session(self, end: End, agent: str, until_s: float) -> None:
        async with self._opening:
            if time.monotonic() >= until_s:
                return
            socket = await self._opened(agent)
        with self.tally.counted():
            listening = spawn(_listen(socket), name="listening")
            try:
                await self._speak(socket, end, listening)
                if end is End.HUNG_UP:
                    await socket.close()
                elif end is End.CUT:
                    _cut(socket)
            finally:
                _cut(socket)
                await listening
        expected = {End.HUNG_UP: {1000}, End.CUT: {None, 1006}, End.TOO_LONG: {1001}}[end]
        if socket.close_code in expected:
            self.tally.done[end] += 1
        else:
            self.tally.odd[f"{end}: {socket.close_code}"] += 1

    async def _opened(self, agent: str) -> Socket:
        async with asyncio.timeout(OPEN_S_MAX):
            socket = await self._http.ws_connect(
                self._url,
                params={"model": agent},
                headers=self._headers,
                compress=0,
                decode_text=False,
            )
            await socket.receive()
        return socket

    async def _speak(self, socket: Socket, end: End, listening: asyncio.Task[None]) -> None:
        life_s = self._random.uniform(LIFE_S_MIN, LIFE_S_MAX)
        if end is End.TOO_LONG:
            life_s = SESSION_S_MAX + OPEN_S_MAX
        until_s = time.monotonic() + life_s
        place = self._random.randrange(len(self._chunks))
        while time.monotonic() < until_s and not listening.done():
            await socket.send_frame(self._chunks[place], aiohttp.WSMsgType.TEXT)
            place = (place + 1) % len(self._chunks)
            await asyncio.wait((listening,), timeout=CHUNK_S)


async def _listen(socket: Socket) -> None:
    async for _ in socket:
        pass


def _cut(socket: Socket) -> None:
    """Without a word: the connection is reset."""
    connection = socket._response.connection  # noqa: SLF001  # aiohttp has no other way to reset it
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


def _chunks() -> list[bytes]:
    whole = frames()
    joined = [
        b"".join(whole[start : start + CHUNK_FRAMES])
        for start in range(0, len(whole) - CHUNK_FRAMES, CHUNK_FRAMES)
    ]
    return [
        orjson.dumps(
            {"type": "input_audio_buffer.append", "audio": pybase64.b64encode(raw).decode()}
        )
        for raw in joined
    ]
