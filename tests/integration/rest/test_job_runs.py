import time

from voicehub.storage import job_runs
from voicehub.storage.job_runs import Run

PATH = "/v1/admin/jobs"


async def test_admins_see_what_jobs_did_last(web_client, redis):
    _, body = await web_client.get(PATH, who="root")
    assert body == {"object": "jobs", "data": []}
    now_s = time.time()
    await job_runs.note(redis, Run("settle", 60, now_s, 0.0125, has_failed=False))
    await job_runs.note(redis, Run("sweep", 2, now_s - 3600, 0.1, has_failed=True))
    _, body = await web_client.get(PATH, who="root")
    settle, sweep = body["data"]
    assert (settle["name"], settle["last_milliseconds"]) == ("settle", 12.5)
    assert settle["last_success_at"] == settle["last_ended_at"]
    assert (settle["is_late"], sweep["is_late"]) == (False, True)
    assert (sweep["last_success_at"], sweep["last_failed"]) == (None, True)


async def test_users_do_not(web_client):
    assert (await web_client.get(PATH))[0].status == 403
