"""The last steps of a session stand alone: one that fails keeps no other back."""

import asyncio

import pytest

from voicehub.errors import NotFoundError, StorageError
from voicehub.jobs.settle import settle_all
from voicehub.keys import REGISTRY
from voicehub.live import finale
from voicehub.realtime.tokens import duration_usage
from voicehub.storage import lease, ownership

USAGE = duration_usage(0, 1_000, 5, 0)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(finale, "TRIES_S", 0.0)


async def talked(site, monkeypatch, step, error):
    """A session that said one line and whose last `step` failed."""

    async def fail(*_arguments, **_more):
        raise error

    talk = await site.talk()
    await site.engine.reply(1, "Good bye.", usage=USAGE)
    await talk.until("response.done")
    with monkeypatch.context() as failing:
        failing.setattr(step, fail)
        await talk.close()
        row = await site.over(talk.session_id)
    return talk.session_id, row


@pytest.mark.parametrize("error", [StorageError("away"), NotFoundError("gone"), KeyError("a bug")])
async def test_a_settlement_that_failed_is_made_up_by_the_worker(site, monkeypatch, error):
    step = "voicehub.storage.settlement.settle"
    session_id, row = await talked(site, monkeypatch, step, error)
    assert row["status"] == "completed"
    assert row["data"]["recording"]["state"] == "ready"
    assert await site.used() == (0, 0)
    for _ in range(2):
        await settle_all(site.pg, site.redis)
        assert await site.used() == (20, 5)
    assert (await site.row(session_id))["usage"]["responses"] == 1


async def test_lines_that_could_not_be_folded_leave_the_session_to_the_sweeper(site, monkeypatch):
    step = "voicehub.storage.ownership.fold"
    session_id, row = await talked(site, monkeypatch, step, StorageError("away"))
    assert row["status"] == "in_progress"
    assert row["data"]["transcript"] == []
    shown = await site.ask("GET", f"/v1/sessions/{session_id}")
    assert [line["transcript"] for line in shown["data"]["transcript"]] == ["Good bye."]
    assert await site.used() == (20, 5)


async def test_a_row_that_could_not_be_ended_stays_for_the_sweeper(site, monkeypatch):
    step = "voicehub.storage.ownership.finish"
    _, row = await talked(site, monkeypatch, step, StorageError("away"))
    assert row["status"] == "in_progress"
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Good bye."]
    assert row["data"]["recording"]["state"] == "ready"
    assert await site.used() == (20, 5)


@pytest.mark.parametrize("step", ["fold", "pause", "finish"])
async def test_a_store_that_is_away_for_a_moment_changes_nothing_of_the_end(
    new_site, monkeypatch, step
):
    monkeypatch.setattr(finale, "TRIES_S", 5.0)
    monkeypatch.setattr(finale, "RETRY_S", 0.01)
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    site, works, tried = await new_site(), getattr(ownership, step), []

    async def fail_twice(*arguments, **more):
        tried.append(step)
        if len(tried) < 3:
            raise StorageError("away")
        return await works(*arguments, **more)

    talk = await site.talk()
    await site.engine.reply(1, "Good bye.", usage=USAGE)
    await talk.until("response.done")
    monkeypatch.setattr(ownership, step, fail_twice)
    if step == "pause":
        site.app[REGISTRY].find(talk.session_id).grant(lease.Wish.PAUSE)
    else:
        await talk.close()
    row = await site.over(talk.session_id)
    assert row["status"] == ("paused" if step == "pause" else "completed")
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Good bye."]
    assert len(tried) >= 3


async def test_a_step_has_a_deadline(site, monkeypatch):
    monkeypatch.setattr(finale, "STEP_DEADLINE_S", 1.0)

    async def hang(*_arguments, **_more):
        await asyncio.Event().wait()

    talk = await site.talk()
    with monkeypatch.context() as hanging:
        hanging.setattr("voicehub.storage.ownership.finish", hang)
        await talk.close()
        row = await site.over(talk.session_id)
    assert row["status"] == "in_progress"


async def test_the_lease_is_given_back(site):
    talk = await site.talk()
    key = f"{{team:{site.teams['one']}}}:session:{talk.session_id}:lease"
    assert await site.raw_redis.exists(key)
    await talk.close()
    await site.over(talk.session_id)
    assert not await site.raw_redis.exists(key)
