import asyncio
import os
import signal

import pytest

from voicehub.errors import StorageError
from voicehub.storage import redis as module
from voicehub.storage.redis import Redis, team_key
from voicehub.tasks import spawn


def test_the_keys_of_a_team_share_a_slot_of_a_cluster():
    assert team_key(7, "session", 12, "lines") == "{team:7}:session:12:lines"


async def test_nobody_there_is_a_storage_error(redis_url):
    url = redis_url.rpartition(":")[0] + ":1/0"
    async with Redis.connect(url) as redis:
        with pytest.raises(StorageError):
            await redis.ping()


async def test_a_server_that_stands_still_fails_within_the_deadline(stack, redis, monkeypatch):
    monkeypatch.setattr(module, "COMMAND_DEADLINE_S", 0.2)
    await redis.client.set("a", "first")
    os.kill(stack.redis.pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(StorageError):
                await redis.within_deadline(redis.client.set("a", "second"))
        with pytest.raises(StorageError):
            await redis.within_deadline(redis.client.get("b"))
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    monkeypatch.setattr(module, "COMMAND_DEADLINE_S", 2.0)
    # No answer to a command that was given up is taken for another's.
    answers = await asyncio.gather(*(redis.client.echo(str(n)) for n in range(20)))
    assert answers == [str(n).encode() for n in range(20)]


async def test_a_wrong_command_is_a_storage_error(redis):
    await redis.client.set("text", "x")
    with pytest.raises(StorageError):
        await redis.within_deadline(redis.client.lpush("text", "y"))


async def test_a_task_that_talks_to_redis_ends_when_it_is_cancelled(redis):
    async def talk():
        while True:
            await redis.ping()

    for turns in range(80):
        task = spawn(talk(), name="talking")
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, f"it goes on after {turns} turns"
