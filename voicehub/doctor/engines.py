"""Looks at the engines: each is opened as a session opens it, and closed before anybody speaks."""

import asyncio
import time
from collections.abc import Mapping

from voicehub.doctor.finding import Finding, failed, ok
from voicehub.engines.engine import EngineFactory
from voicehub.errors import EngineError
from voicehub.session.spec import agent_session

# A session waits for as long (`live/driver.py`).
OPEN_DEADLINE_S = 20.0


async def look_at_engines(engines: Mapping[str, EngineFactory], default: str) -> list[Finding]:
    """All at once. `default`: the one of agents that name none."""
    async with asyncio.TaskGroup() as group:
        looks = [
            group.create_task(_look(name, factory), name=f"engine {name}")
            for name, factory in engines.items()
        ]
    found = [look.result() for look in looks]
    if default not in engines:
        found.append(
            failed(
                f"Engine {default}",
                "agents that name none get it, and it is not configured",
                "Correct VOICEHUB_ENGINE, or add it to VOICEHUB_ENGINES.",
            )
        )
    return found


async def _look(name: str, factory: EngineFactory) -> Finding:
    subject = f"Engine {name}"
    began_s = time.monotonic()
    try:
        engine = factory()
        try:
            async with asyncio.timeout(OPEN_DEADLINE_S):
                await engine.open(agent_session(persona="", system="", settings={}, context={}))
        finally:
            await engine.aclose()
    except TimeoutError:
        what = f"it did not open within {OPEN_DEADLINE_S:.0f} s"
        return failed(subject, what, "Can this machine reach its url?")
    except EngineError as error:
        return failed(subject, error.message, "See VOICEHUB_ENGINES and the variable of its key.")
    return ok(subject, f"it opened in {time.monotonic() - began_s:.1f} s")
