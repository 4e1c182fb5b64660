"""The embedded Postgres: its folder, its settings and its first database."""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

import asyncpg

from voicehub.devstack.account import Account, give
from voicehub.devstack.binaries import PostgresBinaries, find_postgres
from voicehub.devstack.server import ANSWER_S, Server, StackError

USER = "voicehub"
DATABASE = "voicehub"
CONNECTIONS_MAX = 300  # Postgres refuses the next one
INITDB_S = 120.0  # it takes one to four; then it is killed and the start fails

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # TCP alone: a socket's path has a limit of some 100 bytes that a deep folder exceeds.
    "unix_socket_directories": "",
    "max_connections": str(CONNECTIONS_MAX),
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A refused row would put what people said into the log: no DETAIL, no statement.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class PostgresServer(Server):
    title: ClassVar[str] = "Postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": disconnects everybody

    def __init__(
        self, folder: Path, home: Path, *, port: int, password: str, account: Account | None
    ) -> None:
        """`home` holds the database itself, where the account can enter; `folder` the log."""
        super().__init__(folder, port=port, account=account)
        self._home = home
        self._data_folder = home / "postgres"
        self._password = password
        self._binaries: PostgresBinaries | None = None

    @property
    def name(self) -> str:
        return "postgres"

    @property
    def mark(self) -> str:
        return str(self._data_folder)

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        await super().start()
        connection = await self._connect()
        try:
            query = "SELECT true FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(query, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close(timeout=ANSWER_S)

    async def prepare(self) -> None:
        self._binaries = await asyncio.to_thread(find_postgres, self._account, self._home)
        if not self._is_initialised(self._binaries):
            await self._initialise(self._binaries)

    def command(self) -> list[str]:
        assert self._binaries is not None, "prepare runs first"
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        program = str(self._binaries.postgres)
        return [program, "-D", str(self._data_folder), "-p", str(self.port), *options]

    def environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "LC_ALL": "C"}

    async def answers(self) -> bool:
        try:
            connection = await self._connect()
        except (OSError, asyncpg.CannotConnectNowError, TimeoutError):
            return False
        await connection.close(timeout=ANSWER_S)
        return True

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(self.url("postgres"), timeout=ANSWER_S, ssl=False)

    def _is_initialised(self, binaries: PostgresBinaries) -> bool:
        version_path = self._data_folder / "PG_VERSION"
        if not version_path.exists():
            return False
        kept = version_path.read_text().strip()
        if kept != str(binaries.major):
            raise StackError(
                f"{self._data_folder} was made by Postgres {kept}, but this is {binaries.version}. "
                "Bring that version back, or remove the folder to begin anew."
            )
        return True

    async def _initialise(self, binaries: PostgresBinaries) -> None:
        """Run initdb in a folder of another name, lest one cut short be taken for a database."""
        partial = self._data_folder.with_name("postgres.partial")
        password_path = self._home / "postgres.password"
        self._make_folders(partial, password_path)
        try:
            child = self.spawn(
                [
                    str(binaries.initdb),
                    *("-D", str(partial), "-U", USER, "-E", "UTF8"),
                    *("--auth=scram-sha-256", "--pwfile", str(password_path)),
                    *binaries.locale_options,
                ],
                self.environment(),
                signal.SIGKILL,
            )
            await self._finish(child)
        finally:
            password_path.unlink(missing_ok=True)
        partial.replace(self._data_folder)

    async def _finish(self, initdb: subprocess.Popen[bytes]) -> None:
        try:
            async with asyncio.timeout(INITDB_S):
                code = await asyncio.to_thread(initdb.wait)
        except BaseException:
            initdb.kill()
            raise
        if code != 0:
            raise StackError(f"initdb failed.\n{self.log_tail()}")

    def _make_folders(self, partial: Path, password_path: Path) -> None:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        give(partial, self._account)
        password_path.unlink(missing_ok=True)
        with os.fdopen(
            os.open(password_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(self._password)
        give(password_path, self._account)
