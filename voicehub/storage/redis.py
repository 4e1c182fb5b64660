"""Redis: one client, a deadline around every command, and Lua scripts that are safe to repeat."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from voicehub.errors import FencedError, StorageError
from voicehub.tasks import spawn

T = TypeVar("T")

# A command that takes longer than this has failed: the session's path must not wait for it.
COMMAND_DEADLINE_S = 2.0
CONNECTIONS_MAX = 64
# Of one message; more that are asked for at once go in further ones, one after the other.
SCRIPTS_AT_ONCE_MAX = 256

_LUA = Path(__file__).parent / "lua"


def team_key(team_id: int, *parts: object) -> str:
    """A key of `team_id`: its hash tag puts all of a team's keys on one slot of a cluster."""
    return ":".join((f"{{team:{team_id}}}", *map(str, parts)))


@dataclass(slots=True, eq=False)
class _Asked:
    """A script that waits to be sent, and who waits for it."""

    script: str
    keys: list[str]
    args: list[Any]
    answer: "asyncio.Future[Any]"


class Redis:
    """The client behind a deadline. Every command here may be repeated without counting twice."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked: list[_Asked] = []
        self._sending: set[asyncio.Task[None]] = set()
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
        redis = cls(client)
        try:
            yield redis
        finally:
            await redis.drained()
            await client.aclose()

    async def drained(self) -> None:
        """Wait for the answers to what was sent; whoever asked may be gone."""
        if self._sending:
            await asyncio.wait(self._sending)

    @property
    def client(self) -> Client:
        return self._client

    async def run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        """Run `lua/<script>.lua`; the answer is the script's own.

        Raises FencedError, StorageError.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(script, keys, args, loop.create_future())
        if not self._asked:
            # What all sessions ask in one turn of the loop goes as one message: of what a script
            # costs us, most is the client's work on a connection.
            sending = spawn(self._send_asked(), name="redis scripts")
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        self._asked.append(asked)
        return await asked.answer

    async def _send_asked(self) -> None:
        """One task a turn. Each of its callers gets an answer of its own, or the failure of all."""
        batch, self._asked = self._asked, []
        for start in range(0, len(batch), SCRIPTS_AT_ONCE_MAX):
            await self._send_scripts(batch[start : start + SCRIPTS_AT_ONCE_MAX])

    async def _send_scripts(self, batch: "list[_Asked]") -> None:
        try:
            answers = await self.within_deadline(self._execute(batch))
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for ever
            answers = [error] * len(batch)
        for asked, answer in zip(batch, answers, strict=True):
            if asked.answer.done():
                continue  # whoever asked was cancelled
            if isinstance(answer, Exception):
                asked.answer.set_exception(as_storage_error(answer))
            else:
                asked.answer.set_result(answer)

    async def _execute(self, batch: "list[_Asked]") -> list[Any]:
        """The scripts' answers, or what Redis refused them with, one by one."""
        if len(batch) == 1:
            return [await self._alone(batch[0])]
        pipeline = self._client.pipeline(transaction=False)
        for asked in batch:
            sha = self._scripts[asked.script].sha
            pipeline.evalsha(sha, len(asked.keys), *asked.keys, *asked.args)
        answers = await pipeline.execute(raise_on_error=False)
        for place, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # a Redis that was started anew
                answers[place] = await self._alone(batch[place])
        return list(answers)

    async def _alone(self, asked: "_Asked") -> Any:
        try:
            return await self._scripts[asked.script](keys=asked.keys, args=asked.args)
        except ResponseError as refusal:
            return refusal

    async def within_deadline(self, command: Awaitable[T]) -> T:
        """Await `command`. Raises StorageError when Redis fails or is too slow."""
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                return await command
        except (RedisError, OSError, TimeoutError) as error:
            raise as_storage_error(error) from error

    async def ping(self) -> None:
        await self.within_deadline(self._client.ping())


def as_storage_error(error: Exception) -> StorageError:
    """What a failure of the client means to who asked."""
    if isinstance(error, StorageError):
        return error  # translated before
    if isinstance(error, ResponseError):
        if "FENCED" in str(error):
            return FencedError("A newer owner holds this session.")
        return StorageError("Redis refused a command.")
    return StorageError("Redis did not answer.")
