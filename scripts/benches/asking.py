"""The callers of `rest`: connections that send one request after the other and time the answers.

They write prepared bytes and look for nothing but status and length: a client library would cost
more than the server that is measured.
"""

import asyncio
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benches.stage import cpu_s

from voicehub.errors import VoiceHubError

ANSWER_S_MAX = 30.0
HEAD_BYTES_MAX = 1 << 16
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, as often as it can be answered."""

    name: str
    path: str
    body: bytes | None = None

    def message(self, host: str, token: str) -> bytes:
        head = [
            f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1",
            f"Host: {host}",
            f"Authorization: Bearer {token}",
        ]
        if self.body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*head, "", ""]).encode() + (self.body or b"")


@dataclass(slots=True)
class Asked:
    """What came back, over all rounds."""

    latencies_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds

    @property
    def cpu_us(self) -> float:
        """Of the server's process, an answer."""
        return self.cpu_s / len(self.latencies_ms) * 1e6

    def percentile_ms(self, percent: int) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


async def drive(
    ask: Ask, asked: Asked, *, url: str, pid: int, token: str, callers: int, seconds: float
) -> None:
    """Ask a server for so long, by so many connections at once."""
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or 0
    message = ask.message(place.netloc, token)
    loop = asyncio.get_running_loop()
    begun_s, begun_cpu_s = loop.time(), cpu_s(pid)
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(_caller(host, port, message, asked, begun_s + seconds))
    asked.seconds += loop.time() - begun_s
    asked.cpu_s += cpu_s(pid) - begun_cpu_s


async def _caller(host: str, port: int, message: bytes, asked: Asked, until_s: float) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(host, port, limit=HEAD_BYTES_MAX)
    try:
        while loop.time() < until_s:
            begun = time.perf_counter()
            writer.write(message)
            async with asyncio.timeout(ANSWER_S_MAX):
                await _answer(reader)
            asked.latencies_ms.append((time.perf_counter() - begun) * 1000)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise VoiceHubError(f"The server answered {head[:12].decode()}: {body[:200].decode()}")
