import time

from voicehub.jobs.record import JobRecord
from voicehub.telemetry.telemetry import Telemetry


def test_what_jobs_did_is_counted_by_job():
    telemetry = Telemetry()
    record = JobRecord(telemetry)
    before_s = time.time()
    record.done("sweep", 3)
    record.failed("sweep")
    record.broke("settle")
    record.lasted("sweep", 2.0)
    assert telemetry.job_runs.value("sweep", "done") == 1
    assert telemetry.job_runs.value("sweep", "failed") == 1
    assert telemetry.job_runs.value("settle", "broken") == 1
    assert telemetry.job_things.value("sweep") == 3
    assert telemetry.job_seconds.cell("sweep").total == 2.0
    ((sample,),) = [metric.samples for metric in [telemetry.job_last_success.family()]]
    assert sample.labels == {"job": "sweep"}
    assert before_s <= sample.value <= time.time()
