import pytest

from voicehub.storage import job_runs
from voicehub.storage.job_runs import LATE_S, JobState, Run
from voicehub.storage.redis import Redis


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


async def test_a_failure_leaves_the_last_success(redis):
    good = Run("settle", 60, 1000.5, 0.2, has_failed=False)
    bad = Run("settle", 60, 1060.5, 0.3, has_failed=True)
    await job_runs.note(redis, good)
    await job_runs.note(redis, bad)
    assert await job_runs.states(redis) == [JobState(bad, 1000.5)]


def test_late_is_what_was_not_done_for_three_beats_and_some():
    state = JobState(Run("settle", 60, 1000, 0.1, has_failed=False), 1000)
    assert not state.is_late(1000 + 180 + LATE_S)
    assert state.is_late(1001 + 180 + LATE_S)
    assert JobState(state.last, None).is_late(1001)
