"""What the jobs of a process have done, for its metrics."""

import time

from voicehub.telemetry.telemetry import Telemetry


class JobRecord:
    """One per process, but for a server that has a worker beside it (`voicehub dev`)."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._succeeded: dict[tuple[str], float] = {}
        telemetry.job_last_success.read_from(lambda: self._succeeded)

    def lasted(self, job: str, seconds: float) -> None:
        self._telemetry.job_seconds.observe(job, seconds=seconds)

    def done(self, job: str, count: int) -> None:
        self._succeeded[job,] = time.time()
        self._telemetry.job_runs.add(job, "done")
        self._telemetry.job_things.add(job, by=count)

    def failed(self, job: str) -> None:
        """A store is away, or it took too long; it is done again at the next beat."""
        self._telemetry.job_runs.add(job, "failed")

    def broke(self, job: str) -> None:
        """By a fault of ours."""
        self._telemetry.job_runs.add(job, "broken")
