"""One child server: started, awaited until it answers, stopped, killed, started again."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, ClassVar

from voicehub.devstack import launcher
from voicehub.devstack.account import Account
from voicehub.errors import StorageError

START_S = 60.0  # crash recovery of a large folder takes its time; then the start fails
START_ATTEMPTS = 5  # a lost race for a port, memory still held by a killed Postgres; then it fails
RETRY_S = 0.2
POLL_S = 0.02
STOP_S = 15.0  # then SIGKILL
ANSWER_S = 5.0  # one try to reach a server; then it counts as not ready
LOG_BYTES_MAX = 8 << 20  # a longer log is set aside at the next start; one old log is kept
LOG_TAIL_LINES = 12
# What a child sees of our environment: no secret, and nothing that changes a server's settings.
PASSED_VARIABLES = ("PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "TMPDIR")


class StackError(StorageError):
    """The embedded stack cannot start; the message says what to do, or shows the log's end."""

    code = "stack_failed"
    retryable = False


class Server(ABC):
    """Start, stop and kill are for one task at a time.

    On Linux a child dies with the thread that started it: start it from the event loop's thread.
    """

    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int, account: Account | None = None) -> None:
        self.folder = folder
        self.port = port
        self.log_path = folder / f"{self.name}.log"
        self._pid_path = folder / f"{self.name}.pid"
        self._account = account
        self._child: subprocess.Popen[bytes] | None = None
        self._port_is_settled = False

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None:
        """The running child, or None."""
        if self._child is None or self._child.poll() is not None:
            return None
        return self._child.pid

    async def start(self) -> None:
        """Return once the server answers. If cancelled, `stop` ends what was begun."""
        if self.pid is not None:
            return
        await self._end_leftover()
        await self.prepare()
        for attempt in range(START_ATTEMPTS):
            if attempt:
                await asyncio.sleep(RETRY_S)
                if not self._port_is_settled:
                    self.port = free_ports([None])[0]
            self._child = self.spawn(self.command(), self.environment(), self.stop_signal)
            self._pid_path.write_text(f"{self._child.pid}\n")
            if await self._becomes_ready(self._child):
                self._port_is_settled = True
                return
        raise StackError(f"{self.title} ended while it started.\n{self.log_tail()}")

    async def stop(self) -> None:
        """Ask the server to end and wait; past `STOP_S` kill it."""
        await self._end(self.stop_signal)

    async def kill(self) -> None:
        """End it as a crash would; what it had not written is lost."""
        await self._end(signal.SIGKILL)

    def log_tail(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join([f"Last lines of {self.log_path}:", *lines[-LOG_TAIL_LINES:]])

    @property
    def mark(self) -> str:
        """What its command line holds and no other's does."""
        return str(self.folder)

    @abstractmethod
    async def prepare(self) -> None:
        """Make what the first start needs."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    async def answers(self) -> bool:
        """Whether the server takes work now; anything else that goes wrong is raised."""

    def environment(self) -> dict[str, str]:
        return {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}

    def spawn(
        self, command: list[str], environment: dict[str, str], death_signal: signal.Signals
    ) -> subprocess.Popen[bytes]:
        """Start `command` in a session of its own: Ctrl-C is for us, who stop it in order."""
        user = self._account or Account(-1, -1)
        identity = (os.getpid(), int(death_signal), user.uid, user.gid)
        with _open_log(self.log_path) as log:
            return subprocess.Popen(  # noqa: S603 - the command is ours
                [
                    sys.executable,
                    "-I",
                    "-S",
                    str(launcher.__file__),
                    *(str(number) for number in identity),
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd="/",  # the account may not enter ours
                start_new_session=True,
            )

    async def _becomes_ready(self, child: subprocess.Popen[bytes]) -> bool:
        """False when the child ended instead; past `START_S` it is ended and the start fails."""
        try:
            async with asyncio.timeout(START_S):
                while child.poll() is None:
                    # A stranger may have won the port, and answer: look at the child once more.
                    if await self.answers() and child.poll() is None:
                        return True
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.kill()
            raise StackError(
                f"{self.title} gave no answer in {START_S:.0f} s.\n{self.log_tail()}"
            ) from None
        return False

    async def _end(self, first: signal.Signals) -> None:
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(first)
            try:
                await asyncio.to_thread(child.wait, STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                await asyncio.to_thread(child.wait)
        self._child = None
        self._pid_path.unlink(missing_ok=True)

    async def _end_leftover(self) -> None:
        """End a child that outlived a killed starter, where the system has not done it (yet)."""
        try:
            pid = int(self._pid_path.read_text())
        except (FileNotFoundError, ValueError):
            return
        for signal_number in (self.stop_signal, signal.SIGKILL):
            if self.mark not in _command_line(pid):
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
            await _wait_for_end(pid)


def free_ports(wanted: list[int | None]) -> list[int]:
    """A free loopback port for each, the wanted one where it is free; all differ."""
    with contextlib.ExitStack() as held:
        return [_bind(held.enter_context(socket.socket()), port) for port in wanted]


def _bind(probe: socket.socket, port: int | None) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port or 0))
    except OSError:
        probe.bind(("127.0.0.1", 0))
    probe.listen(1)  # else, with SO_REUSEADDR, a second socket may bind the same
    return int(probe.getsockname()[1])


def _open_log(path: Path) -> BinaryIO:
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


async def _wait_for_end(pid: int) -> None:
    """Of a process that is no child of ours; past `STOP_S` return as well."""
    for _ in range(int(STOP_S / POLL_S)):
        if not _command_line(pid):
            return
        await asyncio.sleep(POLL_S)


def _command_line(pid: int) -> str:
    """The command of a living process, or nothing."""
    if sys.platform == "linux":
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return raw.replace(b"\0", b" ").decode(errors="replace")
    shown = subprocess.run(  # noqa: S603 - the command is ours
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()
