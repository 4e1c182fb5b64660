"""Redis: one client, a deadline around every command, and Lua scripts that are safe to repeat."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import (
    ClusterDownError,
    MaxConnectionsError,
    NoScriptError,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
)

from voicehub.errors import FencedError, StorageError
from voicehub.storage.outage import Outage, is_of_closed_transport
from voicehub.storage.redis_client import Client, open_client
from voicehub.tasks import spawn
from voicehub.telemetry.telemetry import Telemetry

T = TypeVar("T")

# A command that takes longer than this has failed, and Redis counts as away until it answers again:
# a conversation waits once for it, then Postgres takes what Redis would have.
COMMAND_DEADLINE_S = 1.0
# A loop that comes to its timer so late was busy: the answer may lie in the socket. It has as much
# time again, once, lest our own lateness be taken for an outage, whose end makes us later still.
LATE_S = 0.1
# Shorter, so that a Redis which is on the edge does not come and go.
PROBE_DEADLINE_S = 0.8
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


@dataclass(frozen=True, slots=True)
class _Script:
    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> "_Script":
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Redis:
    """The client behind a deadline. Every command here may be repeated without counting twice."""

    def __init__(self, client: Client, telemetry: Telemetry | None = None) -> None:
        self._client = client
        self._telemetry = telemetry or Telemetry()
        self.outage = Outage("redis", self._probe, telemetry=self._telemetry)
        # Of a cluster, one node may be away: what failed is asked for again.
        self._probed_key = "probe"
        self._asked: list[_Asked] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._scripts = {
            path.stem: _Script.of(path.read_text("utf-8")) for path in sorted(_LUA.glob("*.lua"))
        }

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, telemetry: Telemetry | None = None) -> AsyncIterator["Redis"]:
        """A client of the servers at `url`; connections are opened when first needed."""
        async with open_client(url) as client:
            redis = cls(client, telemetry)
            try:
                yield redis
            finally:
                await redis.drained()
                await redis.outage.aclose()

    async def drained(self) -> None:
        """Wait for the answers to what was sent; whoever asked may be gone."""
        if self._sending:
            await asyncio.wait(self._sending)

    @property
    def client(self) -> Client:
        return self._client

    @property
    def outages(self) -> int:
        """How many outages are over: after each, what was written before may be gone."""
        return self.outage.ended

    async def run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        """Run `lua/<script>.lua`; the answer is the script's own.

        Raises FencedError, StorageError.
        """
        with self._telemetry.store_operation("redis", script):
            return await self._run(script, keys, args)

    async def _run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        if self.outage.away:
            raise StorageError("Redis is away.")
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
            some = batch[start : start + SCRIPTS_AT_ONCE_MAX]
            # One message a node of a cluster, which must not wait for another's.
            await asyncio.gather(*map(self._send_scripts, self._by_node(some)))

    def _by_node(self, batch: "list[_Asked]") -> "list[list[_Asked]]":
        if not isinstance(self._client, RedisCluster):
            return [batch]
        parts: dict[str, list[_Asked]] = {}
        for asked in batch:
            try:
                node = self._client.get_node_from_key(asked.keys[0])
            except SlotNotCoveredError:
                node = None  # the client learns the cluster's map with its first command
            parts.setdefault(node.name if node else "", []).append(asked)
        return list(parts.values())

    async def _send_scripts(self, batch: "list[_Asked]") -> None:
        try:
            answers = await self._within_deadline(self._execute(batch), key=batch[0].keys[0])
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for ever
            answers = [error] * len(batch)
        for asked, answer in zip(batch, answers, strict=True):
            self._note(answer, asked.keys[0])
            if asked.answer.done():
                continue  # whoever asked was cancelled
            if isinstance(answer, Exception):
                asked.answer.set_exception(as_storage_error(answer))
            else:
                asked.answer.set_result(answer)

    async def _execute(self, batch: "list[_Asked]") -> list[Any]:
        """The scripts' answers, or what Redis refused them with, one by one."""
        if len(batch) == 1:
            try:
                return [await self._alone(batch[0])]
            except ResponseError as refusal:
                return [refusal]
        pipeline = self._client.pipeline(transaction=False)
        for asked in batch:
            sha = self._scripts[asked.script].sha
            # Not `evalsha`, which a cluster's pipeline refuses although it can.
            pipeline.execute_command("EVALSHA", sha, len(asked.keys), *asked.keys, *asked.args)
        answers = await pipeline.execute(raise_on_error=False)
        for place, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # a Redis that was started anew
                answers[place] = (await self._execute([batch[place]]))[0]
        return list(answers)

    async def _alone(self, asked: "_Asked") -> Any:
        script = self._scripts[asked.script]
        rest = (len(asked.keys), *asked.keys, *asked.args)
        try:
            return await self._client.execute_command("EVALSHA", script.sha, *rest)
        except NoScriptError:
            # To the node that asked for it; a cluster has many, and one of them may be away.
            return await self._client.execute_command("EVAL", script.text, *rest)

    async def within_deadline(self, command: Awaitable[T], *, key: str | None = None) -> T:
        """Await `command`. Raises StorageError when Redis fails, is too slow, or away.

        `key`: one that it touches; while that does not answer, Redis counts as away.
        """
        with self._telemetry.store_operation("redis", "command"):
            return await self._within_deadline(command, key=key)

    async def _within_deadline(self, command: Awaitable[T], *, key: str | None = None) -> T:
        if self.outage.away:
            if isinstance(command, Coroutine):
                command.close()
            raise StorageError("Redis is away.")
        try:
            async with asyncio.timeout(None) as bound:
                expiring = _expire_after(COMMAND_DEADLINE_S, bound)
                try:
                    return await command
                finally:
                    expiring.cancel()
        except (RedisError, OSError, TimeoutError) as error:
            self._note(error, key)
            raise as_storage_error(error) from error
        except RuntimeError as error:
            if not is_of_closed_transport(error):
                raise
            self._note(error, key)
            raise as_storage_error(error) from error

    def _note(self, answer: Any, key: str | None = None) -> None:
        if isinstance(answer, Exception) and _is_outage(answer):
            self._probed_key = key or self._probed_key
            self.outage.begin(type(answer).__name__)

    async def answers(self) -> None:
        """Return when Redis is not away."""
        await self.outage.over()

    async def ping(self) -> None:
        await self.within_deadline(self._client.ping())

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(PROBE_DEADLINE_S):
                await self._client.exists(self._probed_key)
        except (RedisError, OSError, TimeoutError) as error:
            raise as_storage_error(error) from error


def _expire_after(deadline_s: float, bound: asyncio.Timeout) -> asyncio.TimerHandle:
    loop = asyncio.get_running_loop()
    due_s = loop.time() + deadline_s

    def expire() -> None:
        is_late = loop.time() - due_s > LATE_S
        bound.reschedule(loop.time() + (deadline_s if is_late else 0.0))

    return loop.call_at(due_s, expire)


def _is_outage(error: Exception) -> bool:
    """Whether Redis itself failed. A refusal is an answer, and too much at once our own doing."""
    if isinstance(error, ClusterDownError):
        return True  # a refusal by its type
    return not isinstance(error, (ResponseError, MaxConnectionsError, StorageError))


def as_storage_error(error: Exception) -> StorageError:
    """What a failure of the client means to who asked."""
    if isinstance(error, StorageError):
        return error  # translated before
    if isinstance(error, ResponseError):
        if "FENCED" in str(error):
            return FencedError("A newer owner holds this session.")
        return StorageError("Redis refused a command.")
    return StorageError("Redis did not answer.")
