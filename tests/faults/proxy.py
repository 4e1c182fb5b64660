"""A TCP proxy that breaks: it cuts, delays, freezes and refuses what goes through it."""

import asyncio
import socket
import struct
from collections import deque
from random import Random
from types import TracebackType
from typing import Any, Self

from voicehub.tasks import spawn, stop

CHUNK_BYTES = 64 * 1024
# What one way of a connection holds back; beyond it the sender waits, as on a slow network.
HELD_BYTES_MAX = 4 << 20
# Linger for no time at all: closing then resets.
RESET = struct.pack("ii", 1, 0)
CONNECT_S = 5.0  # a server that takes longer: the client's connection is cut


class Proxy:
    """`async with Proxy(port) as proxy:` forwards `proxy.port` to `port`, until told otherwise.

    Faults are for all connections, those that stand and those to come, until they are taken back.
    """

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        """How much later each piece of an answer arrives; pieces do not wait for each other."""
        self.jitter_s = 0.0
        """How much later than that, at most: each piece by chance, none before its forerunner."""
        self.chance = Random(0)
        self.to_port = port
        """Where connections that are made from now on go."""
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.refuse()
        for task in list(self._tasks):
            await stop(task)

    @property
    def connections(self) -> int:
        return len(self._links)

    def freeze(self) -> None:
        """Nothing moves: who is connected waits, and who connects too. Nothing is lost."""
        self._thawed.clear()

    def thaw(self) -> None:
        """What was held back arrives now."""
        self._thawed.set()

    def cut(self, one_in: int = 1) -> None:
        """Reset every connection, or one in so many; what was on its way is lost. New ones are
        taken.
        """
        for link in list(self._links)[::one_in]:
            link.cut()

    async def refuse(self) -> None:
        """Close the port and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    async def accept(self) -> None:
        """Listen, again at the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._connected, "127.0.0.1", self.port, limit=CHUNK_BYTES
            )
            self.port = self._server.sockets[0].getsockname()[1]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self, writer)
        self._links.add(link)
        task = spawn(self._run(link, reader), name="proxy connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, link: "_Link", reader: asyncio.StreamReader) -> None:
        try:
            await link.run(reader, self.to_port)
        finally:
            link.close()
            self._links.discard(link)

    def lateness_s(self) -> float:
        return self.delay_s + self.chance.uniform(0.0, self.jitter_s)

    async def thawed(self) -> None:
        await self._thawed.wait()


class _Link:
    """One client's connection and ours to the server."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._cut = asyncio.Event()

    def cut(self) -> None:
        self._cut.set()
        for writer in (self._client, self._server):
            if writer is not None and not writer.transport.is_closing():
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()

    def close(self) -> None:
        """What was written still goes out."""
        for writer in (self._client, self._server):
            if writer is not None:
                writer.close()

    async def run(self, from_client: asyncio.StreamReader, port: int) -> None:
        """Forward both ways until one side ends; a side that half-closes ends its way only."""
        await self._proxy.thawed()
        try:
            async with asyncio.timeout(CONNECT_S):
                from_server, self._server = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, TimeoutError):
            return
        for writer in (self._client, self._server):
            if writer.is_closing():
                return
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tasks = [
            spawn(_Way(self._proxy, late=False).run(from_client, self._server), name="proxy up"),
            spawn(_Way(self._proxy, late=True).run(from_server, self._client), name="proxy down"),
        ]
        cut = spawn(self._cut.wait(), name="proxy cut")
        waiting: set[asyncio.Task[Any]] = {*tasks}
        try:
            while waiting and not cut.done():
                _, waiting = await asyncio.wait(
                    {cut, *waiting}, return_when=asyncio.FIRST_COMPLETED
                )
                waiting.discard(cut)
        finally:
            for task in (cut, *tasks):
                await stop(task)


class _Way:
    """One direction: read at once, written when it is due."""

    def __init__(self, proxy: Proxy, *, late: bool) -> None:
        self._proxy = proxy
        self._late = late
        self._held: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._changed = asyncio.Condition()

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reading = spawn(self._read(reader), name="proxy read")
        try:
            await self._write(writer)
        except OSError:
            pass  # the other side is gone; whoever sends learns of it
        finally:
            await stop(reading)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                piece = await reader.read(CHUNK_BYTES)
            except OSError:
                piece = b""
            due_s = loop.time() + (self._proxy.lateness_s() if self._late else 0.0)
            async with self._changed:
                self._held.append((due_s, piece))
                self._held_bytes += len(piece)
                self._changed.notify_all()
                if not piece:
                    return
                await self._changed.wait_for(lambda: self._held_bytes < HELD_BYTES_MAX)

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._held)
                due_s, piece = self._held[0]
            if (wait_s := due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)  # the delay itself
            await self._proxy.thawed()
            if writer.is_closing():
                return  # cut meanwhile; uvloop takes nothing more
            if not piece:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
            async with self._changed:
                self._held.popleft()
                self._held_bytes -= len(piece)
                self._changed.notify_all()
