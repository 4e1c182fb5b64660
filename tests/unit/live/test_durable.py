import asyncio

import pytest

from voicehub.errors import FencedError, StorageError
from voicehub.live import durable as module
from voicehub.live.durable import Durable
from voicehub.tasks import spawn, stop


@pytest.fixture
def failures():
    return []


@pytest.fixture
async def durable(failures, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.001)
    monkeypatch.setattr(module, "TRIES_S", 0.05)
    durable = Durable(failures.append)
    task = spawn(durable.run(), name="durable")
    yield durable
    await stop(task)


def writing(log, number, *, errors=()):
    left = list(errors)

    async def write():
        if left:
            raise left.pop(0)
        log.append(number)

    return write


async def fail():
    raise StorageError("away")


async def test_writes_take_place_in_order(durable, failures):
    log = []
    for number in range(5):
        durable.put(writing(log, number))
    last = durable.last
    await durable.drained()
    assert last.done()
    assert log == [0, 1, 2, 3, 4]
    assert failures == []


async def test_a_store_that_comes_back_is_waited_for(durable, failures):
    log = []
    durable.put(writing(log, 1, errors=[StorageError("away")] * 3))
    durable.put(writing(log, 2))
    await durable.last
    assert (log, failures) == ([1, 2], [])


async def test_once_a_write_is_given_up_nothing_counts_as_kept(durable, failures):
    log = []
    durable.put(fail)
    lost = durable.last
    durable.put(writing(log, 2))
    after = durable.last
    await durable.drained()
    assert lost.cancelled()
    assert after.cancelled()
    # What follows is tried all the same: it may be the last booking.
    assert log == [2]
    assert [type(error) for error in failures] == [StorageError]


async def test_a_newer_owner_is_not_argued_with(durable, failures):
    attempts = []

    async def write():
        attempts.append(None)
        raise FencedError("newer")

    durable.put(write)
    await durable.drained()
    assert len(attempts) == 1
    assert [type(error) for error in failures] == [FencedError]


async def test_a_bug_in_a_write_ends_the_session_and_is_not_quoted(durable, failures, capsys):
    async def write():
        raise ValueError("what somebody said")

    durable.put(write)
    await durable.drained()
    assert [type(error) for error in failures] == [StorageError]
    assert "somebody" not in "".join(capsys.readouterr())


async def test_too_many_waiting_writes_end_the_session_once(failures, monkeypatch):
    monkeypatch.setattr(module, "WRITES_MAX", 3)
    durable = Durable(failures.append)
    for _ in range(3):
        durable.put(fail)
    assert not durable.last.cancelled()
    for _ in range(2):
        durable.put(fail)
        assert durable.last.cancelled()
    # Not in the middle of what is putting.
    assert failures == []
    await asyncio.sleep(0)
    assert [error.code for error in failures] == ["storage_unavailable"]
