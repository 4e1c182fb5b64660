"""`GET /v1/admin/jobs`: what the workers' jobs did last, and which are late."""

import time
from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import ConfigDict
from pydantic.config import JsonDict

from voicehub.keys import REDIS
from voicehub.rest import answer
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation
from voicehub.storage import job_runs
from voicehub.storage.job_runs import JobState

_EXAMPLE: JsonDict = {
    "name": "settle",
    "every_seconds": 60.0,
    "last_ended_at": "2026-11-23T10:00:00Z",
    "last_success_at": "2026-11-23T10:00:00Z",
    "last_milliseconds": 12.5,
    "last_failed": False,
    "is_late": False,
}


class JobShown(Shown):
    name: str
    every_seconds: float
    last_ended_at: datetime
    last_success_at: datetime | None
    last_milliseconds: float
    last_failed: bool
    is_late: bool
    """Whether it has not been done for three beats and two minutes."""


class Jobs(Shown):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"object": "jobs", "data": [_EXAMPLE]}]}
    )

    object: Literal["jobs"] = "jobs"
    data: list[JobShown]
    """Empty where no worker has run."""


@operation("Show what the jobs did last", answers=Jobs)
async def show(request: web.Request) -> Jobs:
    now_s = time.time()
    states = await job_runs.states(request.app[REDIS])
    return Jobs(data=[_shown(state, now_s) for state in states])


def _shown(state: JobState, now_s: float) -> JobShown:
    succeeded_at_s = state.succeeded_at_s
    return JobShown(
        name=state.last.job,
        every_seconds=state.last.every_s,
        last_ended_at=answer.timestamp(state.last.ended_at_s),
        last_success_at=None if succeeded_at_s is None else answer.timestamp(succeeded_at_s),
        last_milliseconds=round(state.last.took_s * 1000, 1),
        last_failed=state.last.has_failed,
        is_late=state.is_late(now_s),
    )
