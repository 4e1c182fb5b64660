"""`voicehub serve` as processes of their own, and callers on them."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

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
