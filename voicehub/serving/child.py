"""One server process, as its supervisor sees it."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from voicehub.serving.supervised import FAILED, READY
from voicehub.tasks import spawn, stop

# What a dead child has said is there already.
LAST_WORDS_S = 1.0


class Child:
    """Made by `start`. `failure` is why it did not come up, where it said so."""

    def __init__(
        self,
        program: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._program = program
        self._reader = reader
        self._writer = writer
        self.is_ready = False
        self.failure: str | None = None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        sockets: Sequence[socket.socket],
        environment: Mapping[str, str],
    ) -> Self:
        """Run `command` with its end of the line and the sockets, which are closed here: one that
        stayed open would go on to take connections when the child no longer does.
        """
        ours, theirs = socket.socketpair()
        fds = [theirs.fileno(), *(each.fileno() for each in sockets)]
        try:
            program = await asyncio.create_subprocess_exec(
                *command,
                *("--line", str(fds[0])),
                *(part for fd in fds[1:] for part in ("--socket", str(fd))),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=fds,
                env={**os.environ, **environment},
                # A terminal's Ctrl-C is the supervisor's alone.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            for each in (theirs, *sockets):
                each.close()
        return cls(program, *await asyncio.open_connection(sock=ours))

    @property
    def pid(self) -> int:
        return self._program.pid

    def tell(self, order: bytes) -> None:
        self._writer.write(order)

    def kill(self) -> None:
        if self._program.returncode is None:
            self._program.kill()

    async def ended(self, on_ready: Callable[[], None]) -> int:
        """Wait for its end; the exit code, negative for a signal's number."""
        listening = spawn(self._listen(on_ready), name="child")
        try:
            code = await self._program.wait()
            await asyncio.wait([listening], timeout=LAST_WORDS_S)
        finally:
            await stop(listening)
            self._writer.close()
        return code

    async def _listen(self, on_ready: Callable[[], None]) -> None:
        try:
            while said := await self._reader.readline():
                if said == READY:
                    self.is_ready = True
                    on_ready()
                elif said.startswith(FAILED):
                    self.failure = said.removeprefix(FAILED).decode(errors="replace").strip()
        except ConnectionError:
            return
