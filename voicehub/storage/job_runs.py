"""What the workers' jobs did last, in Redis: for admins to see, and nothing depends on it."""

from dataclasses import asdict, dataclass

import orjson

from voicehub.storage.redis import Redis

# A hash tag, so that both lie on one node of a cluster.
_RUNS, _SUCCESSES = "{jobs}:runs", "{jobs}:successes"
# A job that no worker knows any more is forgotten with all others after so long without a run.
KEPT_S = 30 * 24 * 3600
# Late is what has not been done for three beats and this much: a run may take its time.
LATE_S = 120.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job; times are Unix times."""

    job: str
    every_s: float
    ended_at_s: float
    took_s: float
    has_failed: bool


@dataclass(frozen=True, slots=True)
class JobState:
    last: Run
    succeeded_at_s: float | None

    def is_late(self, now_s: float) -> bool:
        return now_s - (self.succeeded_at_s or 0.0) > 3 * self.last.every_s + LATE_S


async def note(redis: Redis, run: Run) -> None:
    """Whichever worker ran it. Raises StorageError."""
    async with redis.client.pipeline(transaction=True) as commands:
        commands.hset(_RUNS, run.job, orjson.dumps(asdict(run)))
        commands.expire(_RUNS, KEPT_S)
        if not run.has_failed:
            commands.hset(_SUCCESSES, run.job, repr(run.ended_at_s))
            commands.expire(_SUCCESSES, KEPT_S)
        await redis.within_deadline(commands.execute(), key=_RUNS)


async def states(redis: Redis) -> list[JobState]:
    """Of every job that ran lately, by name. Raises StorageError."""
    async with redis.client.pipeline(transaction=True) as commands:
        commands.hgetall(_RUNS)
        commands.hgetall(_SUCCESSES)
        runs, successes = await redis.within_deadline(commands.execute(), key=_RUNS)
    found = [Run(**orjson.loads(run)) for run in runs.values()]
    succeeded = {_text(job): float(at_s) for job, at_s in successes.items()}
    return [JobState(run, succeeded.get(run.job)) for run in sorted(found, key=lambda run: run.job)]


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
