"""The one way to start a task outside a TaskGroup: it has a name, and its owner awaits it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# On Python 3.11 `asyncio.wait_for`, in a library's depths, may swallow a cancellation. A task that
# goes on for this long is cancelled once more.
CANCEL_AGAIN_S = 5.0


def spawn(work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start `work`; the owner keeps the task and awaits or cancels it."""
    return asyncio.get_running_loop().create_task(work, name=name)


async def stop(task: asyncio.Task[Any] | None) -> None:
    """Cancel `task` and wait until it has ended; its own failure is raised."""
    if task is None:
        return
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_S)
    if not task.cancelled():
        task.result()
