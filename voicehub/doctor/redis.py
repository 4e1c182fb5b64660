"""Looks at Redis: whether it lets us in, runs our scripts, and keeps what it was told."""

import asyncio
import time
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from voicehub.doctor.finding import Finding, clock, failed, ok, warning
from voicehub.errors import VoiceHubError
from voicehub.storage.redis_client import Client, open_client

SUBJECT = "Redis"
DEADLINE_S = 5.0
# Scripts that write after they read a clock-free key are older; streams with exact ids are not.
VERSION_MIN = (6, 2)
_KEY = "{voicehub:doctor}:probe"
# What the scripts of `storage/lua` do, on a key of its own that goes by itself.
_SCRIPT = """
redis.call('HSET', KEYS[1], 'n', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('PEXPIRE', KEYS[1], 10000)
return redis.call('HGET', KEYS[1], 'n')
"""


async def look_at_redis(url: str) -> list[Finding]:
    try:
        async with asyncio.timeout(DEADLINE_S), open_client(url) as client:
            await _ping(client)
            return await _look(client)
    except VoiceHubError as error:
        return [failed(SUBJECT, error.message, "Correct REDIS_URL.")]
    except (AuthenticationError, NoPermissionError):
        return [_refused()]
    except ResponseError as error:
        # Redis 6 says so in words alone.
        if "AUTH" in str(error).upper():
            return [_refused()]
        return [failed(SUBJECT, "it refuses a command that we need", "See its ACL and its log.")]
    except (RedisError, OSError, TimeoutError) as error:
        return [
            failed(
                SUBJECT,
                f"it cannot be reached: {type(error).__name__}",
                "Start it, or correct REDIS_URL.",
            )
        ]


def _refused() -> Finding:
    return failed(SUBJECT, "it refuses the user or the password", "Correct REDIS_URL, or its ACL.")


async def _ping(client: Client) -> None:
    await client.ping()


async def _look(client: Client) -> list[Finding]:
    server, memory, kept = [await _section(client, name) for name in _SECTIONS]
    return [
        _version(server),
        await _lua(client),
        _eviction(memory),
        _persistence(kept),
        await _clock(client),
    ]


_SECTIONS = ("server", "memory", "persistence")


async def _section(client: Client, name: str) -> dict[str, Any]:
    # Any: a section holds words and numbers. Of a Cluster, one node stands for the others.
    given: dict[str, Any] = await client.info(name)
    if given and all(isinstance(value, dict) for value in given.values()):
        given = next(iter(given.values()))
    return given


def _version(server: dict[str, Any]) -> Finding:
    shown = str(server.get("redis_version", "0"))
    version = tuple(int(part) for part in shown.split(".")[:2] if part.isdigit())
    if version < VERSION_MIN:
        needed = ".".join(map(str, VERSION_MIN))
        return failed(SUBJECT, f"version {shown} is too old", f"Go to {needed} or newer.")
    return ok(SUBJECT, f"connected, version {shown}")


async def _lua(client: Client) -> Finding:
    answer = await client.eval(_SCRIPT, 1, _KEY, "41")  # type: ignore[no-untyped-call,misc,unused-ignore]  # redis-py's types differ by client
    if int(answer) != 42:
        return failed(SUBJECT, "its scripts do not do what they should", "Is it really a Redis?")
    return ok(SUBJECT, "it runs our scripts")


def _eviction(memory: dict[str, Any]) -> Finding:
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return warning(
            SUBJECT,
            f"when it is full it forgets keys ({policy}), among them lines and tokens",
            "Set maxmemory-policy to noeviction.",
        )
    return ok(SUBJECT, "it forgets nothing when it is full")


def _persistence(kept: dict[str, Any]) -> Finding:
    if not int(kept.get("aof_enabled", 0)):
        return warning(
            SUBJECT,
            "a restart loses what it holds: there is no append-only file",
            "Set appendonly to yes.",
        )
    return ok(SUBJECT, "it keeps an append-only file")


async def _clock(client: Client) -> Finding:
    asked_s = time.time()
    # Of a Cluster, each node tells its own; redis-py's types know nothing of that.
    answer: Any = await client.time()
    seconds, microseconds = next(iter(answer.values())) if isinstance(answer, dict) else answer
    theirs_s = int(seconds) + int(microseconds) / 1_000_000
    return clock(SUBJECT, theirs_s - (asked_s + time.time()) / 2)
