"""The embedded Redis: Valkey, or a Redis on PATH, with an append-only file and a password."""

import os
from pathlib import Path
from typing import ClassVar

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from voicehub.devstack.binaries import find_redis
from voicehub.devstack.server import ANSWER_S, Server


class RedisServer(Server):
    title: ClassVar[str] = "Redis"

    def __init__(self, folder: Path, *, port: int, password: str) -> None:
        super().__init__(folder, port=port)
        self._password = password
        self._data_folder = folder / "redis"
        self._settings_path = folder / "redis.conf"

    @property
    def name(self) -> str:
        return "redis"

    @property
    def mark(self) -> str:
        return str(self._settings_path)

    def url(self, database: int = 0) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/{database}"

    async def prepare(self) -> None:
        self._data_folder.mkdir(mode=0o700, exist_ok=True)

    def settings(self) -> dict[str, str]:
        return {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self._data_folder}"',
            "requirepass": self._password,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # it would hide the path that tells whose server this is
        }

    def command(self) -> list[str]:
        # A file, not arguments: every user of the machine sees those, and here is a password.
        text = "".join(f"{name} {value}\n" for name, value in self.settings().items())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(self._settings_path, flags, 0o600), "w") as file:
            file.write(text)
        return [str(find_redis()), str(self._settings_path)]

    async def answers(self) -> bool:
        client = Redis.from_url(self.url(), socket_timeout=ANSWER_S, retry=None)
        try:
            # One that still loads its file answers with an error that is a ConnectionError too.
            await client.ping()
        except (RedisConnectionError, RedisTimeoutError):
            return False
        else:
            return True
        finally:
            await client.aclose()
