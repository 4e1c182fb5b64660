"""The pool that the models run on; the models themselves are tested in tests/integration."""

import asyncio
import sys
import threading

import pytest

from voicehub.engines.local.models import SpeechModels, _Pool
from voicehub.errors import EngineError, OverloadError


@pytest.fixture
async def pool():
    pool = _Pool("test", threads=1, jobs_max=2)
    yield pool
    await asyncio.to_thread(pool.close)


async def test_work_runs_on_a_thread_of_the_pool(pool):
    assert (await pool.run(threading.current_thread)).name.startswith("test")


async def test_more_jobs_than_the_limit_are_refused_and_the_place_comes_back(pool):
    gate = threading.Event()
    async with asyncio.TaskGroup() as group:
        jobs = [group.create_task(pool.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadError):
            await pool.run(int)
        gate.set()
    assert [job.result() for job in jobs] == [True, True]
    assert await pool.run(int) == 0


async def test_a_job_that_is_cancelled_before_its_turn_never_runs(pool):
    gate, ran = threading.Event(), []
    async with asyncio.TaskGroup() as group:
        group.create_task(pool.run(gate.wait))
        waiting = group.create_task(pool.run(ran.append, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        gate.set()
    await pool.run(int)
    assert ran == []


async def test_whatever_a_model_raises_becomes_an_engine_error(pool):
    with pytest.raises(EngineError, match="test model failed"):
        await pool.run(int, "x")


async def test_an_error_of_our_own_passes_unchanged(pool):
    def refuse():
        raise OverloadError("full")

    with pytest.raises(OverloadError, match="full"):
        await pool.run(refuse)


async def test_a_closed_pool_refuses_work(pool):
    pool.close()
    with pytest.raises(EngineError, match="closed"):
        await pool.run(int)


async def test_a_missing_extra_is_told_in_a_plain_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match=r"voicehub\[local\]"):
        await SpeechModels.load()
