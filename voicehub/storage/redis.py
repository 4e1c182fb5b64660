"""Redis: one client, a deadline around every command, and Lua scripts that are safe to repeat."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from voicehub.errors import FencedError, StorageError

T = TypeVar("T")

# A command that takes longer than this has failed: the session's path must not wait for it.
COMMAND_DEADLINE_S = 2.0
CONNECTIONS_MAX = 64

_LUA = Path(__file__).parent / "lua"


def team_key(team_id: int, *parts: object) -> str:
    """A key of `team_id`: its hash tag puts all of a team's keys on one slot of a cluster."""
    return ":".join((f"{{team:{team_id}}}", *map(str, parts)))


class Redis:
    """The client behind a deadline. Every command here may be repeated without counting twice."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._scripts = {
            path.stem: client.register_script(path.read_text("utf-8"))
            for path in sorted(_LUA.glob("*.lua"))
        }

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str) -> AsyncIterator["Redis"]:
        """A client of the server at `url`; connections are opened when first needed."""
        client = Client.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            # The deadline is ours: with one of its own, redis-py awaits by `asyncio.wait_for`,
            # which on Python 3.11 may swallow the cancellation of the task that waits.
            socket_timeout=None,
            socket_connect_timeout=COMMAND_DEADLINE_S,
            # redis-py's own retries would repeat commands behind our back.
            retry=Retry(NoBackoff(), 0),
        )
        try:
            yield cls(client)
        finally:
            await client.aclose()

    @property
    def client(self) -> Client:
        return self._client

    async def run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        """Run `lua/<script>.lua`; the answer is the script's own.

        Raises FencedError, StorageError.
        """
        return await self.within_deadline(self._scripts[script](keys=keys, args=args))

    async def within_deadline(self, command: Awaitable[T]) -> T:
        """Await `command`. Raises StorageError when Redis fails or is too slow."""
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                return await command
        except ResponseError as error:
            if "FENCED" in str(error):
                raise FencedError("A newer owner holds this session.") from error
            raise StorageError("Redis refused a command.") from error
        except (RedisError, OSError, TimeoutError) as error:
            raise StorageError("Redis did not answer.") from error

    async def ping(self) -> None:
        await self.within_deadline(self._client.ping())
