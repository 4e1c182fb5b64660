"""The callers of `frames`: paced sessions that send 100 ms of speech each and time its return."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import aiohttp
import orjson
import pybase64
from aiohttp import WSMsgType
from benches.voice import FRAME_MS, frames

from voicehub.errors import VoiceHubError
from voicehub.realtime.extension import SUBPROTOCOL
from voicehub.tasks import spawn, stop

CONNECT_S_MAX = 30.0
FRAME_S = FRAME_MS / 1000
# Sessions that open at once; the next one waits, for the server's pool of connections is small.
OPENING_MAX = 8
# Each session begins this many frames further on in the recording.
STRIDE_FRAMES = 7


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and how to tell an echoed frame from its other events."""

    url: str
    token: str
    greets: bool
    """Whether it says something before it can be talked to."""
    is_audio: Callable[[bytes], bool]
    """Of text; a binary message always is."""
    extended: bool = False
    """Whether it is spoken to in voicehub.v1: audio travels as binary messages."""


@dataclass(slots=True)
class Count:
    """What came back within the time that is measured."""

    latencies_ms: list[float] = field(default_factory=list)

    @property
    def frames(self) -> int:
        return len(self.latencies_ms)

    def percentile_ms(self, percent: int) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class Crowd:
    """`count` sessions. Use as `async with`: they are open inside, and closed after it."""

    def __init__(self, http: aiohttp.ClientSession, target: Target, count: int) -> None:
        self._http = http
        self._target = target
        self._count = count
        self._messages = frames() if target.extended else appends()
        self._kind = WSMsgType.BINARY if target.extended else WSMsgType.TEXT
        self._sockets: list[aiohttp.ClientWebSocketResponse[bool]] = []
        self._listening: list[asyncio.Task[None]] = []
        self.counting: Count | None = None

    async def __aenter__(self) -> Self:
        opening = asyncio.Semaphore(OPENING_MAX)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._open(opening))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop_listening()
        async with asyncio.TaskGroup() as group:
            for socket in self._sockets:
                group.create_task(socket.close())

    async def talk(self, seconds: float, warm_up_s: float, on_measure: Callable[[], None]) -> Count:
        """All talk for `warm_up_s` and then `seconds`; `on_measure` marks both ends of these."""
        await self._stop_listening()
        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for number, socket in enumerate(self._sockets):
                sent: deque[float] = deque()
                # Spread evenly over the time of a frame: callers do not breathe together.
                first_s = began_s + FRAME_S * number / self._count
                tasks.append(group.create_task(self._send(socket, sent, number, first_s)))
                tasks.append(group.create_task(self._receive(socket, sent)))
            await asyncio.sleep(warm_up_s)
            count = self.counting = Count()
            on_measure()
            await asyncio.sleep(seconds)
            on_measure()
            self.counting = None
            for task in tasks:
                task.cancel()
        return count

    async def _open(self, opening: asyncio.Semaphore) -> None:
        async with opening, asyncio.timeout(CONNECT_S_MAX):
            socket = await self._http.ws_connect(
                self._target.url,
                params={"model": "Ava"},
                headers={"Authorization": f"Bearer {self._target.token}"},
                protocols=(SUBPROTOCOL,) if self._target.extended else (),
                compress=0,
                decode_text=False,
            )
            self._sockets.append(socket)
            if self._target.greets:
                await socket.receive()
            self._listening.append(spawn(self._listen(socket), name="silent session"))

    @staticmethod
    async def _listen(socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        """Answer pings: on a busy machine the last session opens when the first has had some."""
        async for _ in socket:
            pass

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, []
        for task in listening:
            await stop(task)

    async def _send(
        self,
        socket: "aiohttp.ClientWebSocketResponse[bool]",
        sent: deque[float],
        number: int,
        first_s: float,
    ) -> None:
        place = number * STRIDE_FRAMES
        due_s = first_s
        while True:
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            sent.append(time.perf_counter())
            message = self._messages[place % len(self._messages)]
            await socket.send_frame(message, self._kind)
            place, due_s = place + 1, due_s + FRAME_S

    async def _receive(
        self, socket: "aiohttp.ClientWebSocketResponse[bool]", sent: deque[float]
    ) -> None:
        async for message in socket:
            if message.type is not WSMsgType.BINARY and not self._target.is_audio(message.data):
                continue
            sent_s = sent.popleft()
            if self.counting is not None:
                self.counting.latencies_ms.append((time.perf_counter() - sent_s) * 1000)
        raise VoiceHubError(f"The server closed a session with {socket.close_code}.")


def appends() -> list[bytes]:
    """The recording as client events."""
    return [
        orjson.dumps(
            {"type": "input_audio_buffer.append", "audio": pybase64.b64encode(raw).decode()}
        )
        for raw in frames()
    ]
