"""The way from the client to the engine: a queue that makes a fast client wait."""

import asyncio
from collections import deque
from time import perf_counter

from voicehub.engines.engine import Engine
from voicehub.realtime.frame import Frame
from voicehub.telemetry.telemetry import Telemetry

# Beyond this the socket is not read: TCP holds the client back. One append may be 15 MiB.
WAITING_BYTES_MAX = 4 * 1024 * 1024
WAITING_FRAMES_MAX = 512


class EngineLane:
    """Frames that wait for the engine, in order."""

    def __init__(self, engine: Engine, telemetry: Telemetry | None = None) -> None:
        self._engine = engine
        self._waits = (telemetry or Telemetry()).hops.cell("core_to_engine")
        # Each with the time since when it waits.
        self._frames: deque[tuple[Frame, float]] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._is_idle = False
        self._room = asyncio.Event()
        self._room.set()

    def put(self, frame: Frame) -> None:
        """Give `frame` to the engine: at once where nothing is before it."""
        if self._is_idle and self._engine.send_now(frame):
            self._waits.observe(0.0)
            return
        self._is_idle = False
        self._frames.append((frame, perf_counter()))
        self._bytes += _size(frame)
        if self._bytes > WAITING_BYTES_MAX or len(self._frames) > WAITING_FRAMES_MAX:
            self._room.clear()
        self._arrived.set()

    @property
    def is_full(self) -> bool:
        return not self._room.is_set()

    async def room(self) -> None:
        """Wait until the engine has caught up."""
        await self._room.wait()

    async def run(self) -> None:
        """Send, for ever."""
        while True:
            while self._frames:
                frame, since_s = self._frames.popleft()
                self._bytes -= _size(frame)
                if not self._room.is_set() and self._bytes <= WAITING_BYTES_MAX // 2:
                    self._room.set()
                await self._engine.send(frame)
                self._waits.observe(perf_counter() - since_s)
            self._arrived.clear()
            # While this waits, frames pass without it.
            self._is_idle = True
            await self._arrived.wait()
            self._is_idle = False


def _size(frame: Frame) -> int:
    return len(frame.audio or frame.raw or b"")
