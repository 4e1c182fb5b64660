import asyncio
import os
import signal
import time

import pytest

from voicehub.errors import FencedError, StorageError
from voicehub.storage import lease, lines
from voicehub.storage import redis as module
from voicehub.storage.redis import Redis, team_key
from voicehub.storage.redis_client import CONNECTIONS_MAX
from voicehub.tasks import spawn, stop


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
        commands = [redis.client.set("a", "second"), redis.client.get("b")]
        failures = await asyncio.gather(
            *map(redis.within_deadline, commands), return_exceptions=True
        )
        assert [type(failure) for failure in failures] == [StorageError] * 2
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    await redis.answers()
    # No answer to a command that was given up is taken for another's.
    answers = await asyncio.gather(*(redis.client.echo(str(n)) for n in range(20)))
    assert answers == [str(n).encode() for n in range(20)]


async def test_a_loop_that_is_late_is_not_an_outage(redis, monkeypatch):
    monkeypatch.setattr(module, "COMMAND_DEADLINE_S", 0.2)
    asked = spawn(redis.within_deadline(redis.client.echo("x")), name="asked")
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()
    until_s = time.monotonic() + 0.4
    while time.monotonic() < until_s:
        pass  # other sessions' work, past the deadline
    assert await asked == b"x"
    await redis.ping()


async def test_while_redis_is_away_nobody_waits_for_it(stack, redis, monkeypatch):
    monkeypatch.setattr(module, "COMMAND_DEADLINE_S", 0.2)
    os.kill(stack.redis.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StorageError):
            await keep_line(redis, 1, 1)
        start_s = time.monotonic()
        for _ in range(100):
            with pytest.raises(StorageError):
                await keep_line(redis, 1, 1)
        with pytest.raises(StorageError):
            await redis.ping()
        assert time.monotonic() - start_s < 0.2
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    assert redis.outages == 0
    await redis.answers()
    await redis.ping()
    assert redis.outages == 1


async def test_a_refusal_and_too_many_at_once_are_no_outage(redis):
    await lease.hold(redis, 1, 1, token=2, owner="newer")
    with pytest.raises(FencedError):
        await keep_line(redis, 1, 1, token=1)
    many = CONNECTIONS_MAX * 2
    asked = [redis.within_deadline(redis.client.get("a")) for _ in range(many)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} <= {StorageError, type(None)}
    await redis.ping()


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


async def keep_line(redis, session_id, sequence, token=1):
    return await lines.append(redis, 1, session_id, token, sequence, {"item_id": f"{sequence}"})


async def kept(redis, session_id):
    return [number for number, _ in await lines.unfolded(redis, 1, session_id)]


async def test_scripts_of_one_turn_go_together_and_each_gets_its_own_answer(redis, monkeypatch):
    await lease.hold(redis, 1, 3, token=9, owner="newer")  # whoever writes for session 3 is fenced
    sent = []
    execute = redis._execute
    monkeypatch.setattr(redis, "_execute", lambda batch: sent.append(len(batch)) or execute(batch))
    answers = await asyncio.gather(
        *(keep_line(redis, session_id, 1) for session_id in (1, 2, 3, 4)), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(FencedError) == 1
    assert isinstance(answers[2], FencedError)
    assert [await kept(redis, session_id) for session_id in (1, 2, 3, 4)] == [[1], [1], [], [1]]
    assert sent == [4]


async def test_more_scripts_than_a_message_takes_go_in_several(redis, monkeypatch):
    monkeypatch.setattr(module, "SCRIPTS_AT_ONCE_MAX", 3)
    await asyncio.gather(*(keep_line(redis, session_id, 1) for session_id in range(8)))
    assert [await kept(redis, session_id) for session_id in range(8)] == [[1]] * 8


async def test_a_redis_that_was_started_anew_gets_the_scripts_again(redis):
    for sessions in (1, 3):
        await redis.client.script_flush()
        await asyncio.gather(*(keep_line(redis, each, sessions) for each in range(sessions)))
    assert [await kept(redis, each) for each in range(3)] == [[1, 3], [3], [3]]


async def test_scripts_of_a_server_that_stands_still_fail_together_and_are_not_mixed_up(
    stack, redis, monkeypatch
):
    await keep_line(redis, 1, 1)
    monkeypatch.setattr(module, "COMMAND_DEADLINE_S", 0.2)
    os.kill(stack.redis.pid, signal.SIGSTOP)
    try:
        failures = await asyncio.gather(
            *(keep_line(redis, each, 2) for each in range(4)), return_exceptions=True
        )
    finally:
        os.kill(stack.redis.pid, signal.SIGCONT)
    assert [type(failure) for failure in failures] == [StorageError] * 4
    await redis.answers()
    await asyncio.gather(*(keep_line(redis, each, 2) for each in range(4)))  # a repeat is refused
    assert [await kept(redis, each) for each in range(4)] == [[2], [1, 2], [2], [2]]


async def test_whoever_is_cancelled_leaves_the_scripts_of_others(redis):
    gone, *others = [spawn(keep_line(redis, each, 1), name="keeping") for each in range(3)]
    await asyncio.sleep(0)
    await stop(gone)
    await asyncio.gather(*others)
    await redis.drained()
    assert [await kept(redis, each) for each in (1, 2)] == [[1], [1]]


async def test_a_connection_that_closes_under_a_command_is_a_storage_error(redis):
    async def write(reason):
        raise RuntimeError(reason)

    with pytest.raises(StorageError):
        # As uvloop says it.
        await redis.within_deadline(write("unable to perform operation; the handler is closed"))
    await redis.answers()
    with pytest.raises(RuntimeError, match="our own"):
        await redis.within_deadline(write("our own"))
