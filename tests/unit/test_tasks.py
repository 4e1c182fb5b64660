import asyncio

import pytest

from voicehub.tasks import spawn, stop


async def test_a_task_has_its_name_and_gives_its_result():
    async def work():
        return 7

    task = spawn(work(), name="counting")
    assert task.get_name() == "counting"
    assert await task == 7


async def test_stopping_waits_until_the_work_has_ended():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    task = spawn(work(), name="waiting")
    await asyncio.sleep(0)
    await stop(task)
    assert ended == [True]
    await stop(task)
    await stop(None)


async def test_a_failure_on_the_way_out_is_raised():
    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("it broke")

    task = spawn(work(), name="failing")
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="it broke"):
        await stop(task)
