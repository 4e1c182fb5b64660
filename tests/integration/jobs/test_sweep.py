import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from voicehub.errors import FencedError, StorageError
from voicehub.jobs import sweep as module
from voicehub.jobs.sweep import (
    GONE_S,
    LOOK_EVERY_S,
    LOOKS_MIN,
    Sweeper,
    active_s,
    how_it_ended,
    sweep_once,
)
from voicehub.session.state import EndedReason, Status
from voicehub.storage import lease, lines, ownership, quota, settlement, usage
from voicehub.storage.ownership import Owned
from voicehub.storage.settlement import NoSubscriptionError


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


class Worker:
    """A sweeper whose time passes when it looks."""

    def __init__(self, pg, redis, *, keep_context=False):
        self.clock = Clock()
        self.sweeper = Sweeper(pg, redis, keep_context=keep_context, now_s=self.clock)

    async def look(self, times=1):
        ended = 0
        for _ in range(times):
            ended += await self.sweeper.sweep()
            self.clock.now_s += LOOK_EVERY_S
        return ended


ENOUGH = int(GONE_S / LOOK_EVERY_S) + 1


@pytest.fixture
def worker(pg, redis):
    return Worker(pg, redis)


async def live_audio(redis, team):
    return int(await redis.client.hget(quota.quota_key(team.id), "live_audio") or 0)


async def test_a_dead_owner_s_session_is_ended_with_all_that_is_known(
    team, redis, worker, new_owner
):
    owner = await new_owner()
    await team.run(
        "UPDATE sessions SET started_at = now() - interval '1 hour',"
        ' data = data || \'{"recording": {"state": "recording"}}\' RETURNING id'
    )
    for sequence in (1, 2, 3):
        await owner.say(sequence)
    await owner.book(1, 70, flying=9)
    await owner.die()
    assert await worker.look(ENOUGH) == 1
    row = await owner.row()
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "lost")
    assert [line["item_id"] for line in row["data"]["transcript"]] == ["item_1", "item_2", "item_3"]
    assert row["usage"]["audio_tokens"] == 70
    assert await team.used() == (70, 0)
    assert row["data"]["recording"] == {"state": "processing"}
    assert "context" not in row["data"]
    # No owner counted, so it lasted until the end of the last line.
    assert round(row["duration_minutes"] * 60, 3) == 3.5
    assert await live_audio(redis, team) == 0
    for key in ("lines", "usage"):
        life_ms = await redis.client.pttl(f"{{team:{team.id}}}:session:{owner.session_id}:{key}")
        assert 0 < life_ms <= 24 * 3600 * 1000
    assert await lease.held(redis, [(team.id, owner.session_id)]) == set()
    assert worker.sweeper.watched == 0
    assert await worker.look(ENOUGH) == 0


async def test_what_an_old_owner_still_writes_is_refused_everywhere(team, pg, worker, new_owner):
    owner = await new_owner()
    await owner.die()
    assert await worker.look(ENOUGH) == 1
    for writes in (owner.renew(), owner.say(1), owner.book(1, 5)):
        with pytest.raises(FencedError):
            await writes
    async with pg.connection() as conn:
        with pytest.raises(FencedError):
            await settlement.settle(conn, team.id, owner.session_id, {}, token=owner.token)
        with pytest.raises(FencedError):
            await ownership.fold(conn, team.id, owner.session_id, owner.token, [])


async def test_a_lease_must_be_missing_long_and_often(worker, new_owner):
    owner = await new_owner()
    await owner.die()
    assert await worker.look(ENOUGH - 1) == 0
    await owner.renew()
    assert await worker.look() == 0
    await owner.die()
    assert await worker.look(ENOUGH - 1) == 0
    assert await worker.look() == 1


async def test_a_machine_that_slept_ends_nothing_at_once(worker, new_owner):
    owner = await new_owner()
    await owner.die()
    assert await worker.look() == 0
    worker.clock.now_s += 3600
    assert await worker.look(LOOKS_MIN - 2) == 0
    await owner.renew()
    assert await worker.look(ENOUGH) == 0


async def test_an_emptied_redis_ends_no_session_whose_owner_lives(redis, worker, new_owner):
    owner = await new_owner()
    assert await worker.look() == 0
    await redis.client.flushall()
    # Owners renew every 3 s: the third look at the latest finds the lease again.
    assert lease.RENEW_EVERY_S < 2 * LOOK_EVERY_S
    assert await worker.look(2) == 0
    await owner.renew()
    assert await worker.look(ENOUGH * 2) == 0


async def test_a_redis_that_did_not_answer_once_gives_every_owner_its_time(
    worker, new_owner, monkeypatch
):
    owner = await new_owner()
    await owner.die()
    assert await worker.look(ENOUGH - 1) == 0

    async def fail(*_):
        raise StorageError("away")

    with monkeypatch.context() as failing:
        failing.setattr(lease, "held", fail)
        with pytest.raises(StorageError):
            await worker.look()
    assert await worker.look(ENOUGH - 1) == 0
    assert await worker.look() == 1


async def test_an_owner_that_took_over_meanwhile_has_all_its_time(team, pg, worker, new_owner):
    owner = await new_owner()
    await owner.die()
    assert await worker.look(ENOUGH - 1) == 0
    await team.run(
        "UPDATE sessions SET data = data || '{\"fence\": 2}' WHERE id = $1 RETURNING id",
        owner.session_id,
    )
    assert await worker.look(ENOUGH - 1) == 0
    assert await worker.look() == 1


async def test_paused_and_ended_sessions_are_left_alone(team, worker):
    for status in ("created", "paused", "completed", "failed"):
        await team.add_session(status=status)
    assert await worker.look(ENOUGH) == 0
    assert worker.sweeper.watched == 0


async def test_a_paused_session_that_goes_on_is_watched_again(team, redis, worker, monkeypatch):
    monkeypatch.setattr(module, "IDS_LATE_MAX", 0)
    session_id = await team.add_session(status="paused")
    for _ in range(3):
        await team.add_session(status="paused")
    await worker.look()
    await team.run(
        "UPDATE sessions SET status = 'in_progress' WHERE id = $1 RETURNING id", session_id
    )
    newer = await team.add_session()
    assert await worker.look(ENOUGH) == 2
    assert [(await team.row(each))["status"] for each in (session_id, newer)] == ["failed"] * 2


async def test_of_many_workers_one_ends_it(team, pg, redis, new_owner):
    owners = [await new_owner() for _ in range(10)]
    for number, owner in enumerate(owners, 1):
        await owner.say(1)
        await owner.book(1, number)
        await owner.die()
    workers = [Worker(pg, redis) for _ in range(4)]
    for each in workers:
        await each.look(ENOUGH - 1)
    counts = await asyncio.gather(*(each.look() for each in workers))
    assert sum(counts) == 10
    assert await team.used() == (55, 0)
    for owner in owners:
        row = await owner.row()
        assert row["status"] == "failed"
        assert len(row["data"]["transcript"]) == 1


STEPS = {
    "seized": (ownership, "seize"),
    "lease held": (lease, "hold"),
    "lines read": (lines, "unfolded"),
    "folded": (ownership, "fold"),
    "stream left": (lines, "let_expire"),
    "settled": (settlement, "settle"),
    "told": (usage, "mark_settled"),
    "ended": (ownership, "finish"),
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_killed_after_any_step_is_made_good_by_the_next(
    team, pg, redis, new_owner, monkeypatch, step
):
    owner = await new_owner()
    await owner.say(1)
    await owner.book(1, 30, flying=4)
    await owner.die()
    module_, name = STEPS[step]
    done = getattr(module_, name)

    async def then_die(*given, **named):
        await done(*given, **named)
        raise asyncio.CancelledError

    killed = Worker(pg, redis)
    with monkeypatch.context() as dying:
        dying.setattr(module_, name, then_die)
        with pytest.raises(asyncio.CancelledError):
            await killed.look(ENOUGH)
    await owner.die()  # the killed worker's lease, in time
    await Worker(pg, redis).look(ENOUGH)
    row = await owner.row()
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "lost")
    assert len(row["data"]["transcript"]) == 1
    assert await team.used() == (30, 0)
    assert await live_audio(redis, team) == 0


async def test_a_store_that_fails_on_the_way_is_tried_again_at_the_next_look(
    pg, worker, new_owner, monkeypatch
):
    owner = await new_owner()
    await owner.say(1)
    await owner.die()

    async def fail(*_given, **_named):
        raise StorageError("away")

    with monkeypatch.context() as failing:
        failing.setattr(ownership, "finish", fail)
        assert await worker.look(ENOUGH) == 0
    assert worker.sweeper.watched == 1
    assert await worker.look(2) == 1
    assert (await owner.row())["status"] == "failed"


async def test_one_that_cannot_be_ended_keeps_no_other_back(team, redis, worker, new_owner):
    torn, whole = await new_owner(), await new_owner()
    await redis.client.xadd(
        f"{{team:{team.id}}}:session:{torn.session_id}:lines", {"line": "{torn"}, id="1-1"
    )
    await torn.die()
    await whole.die()
    assert await worker.look(ENOUGH) == 1
    assert (await whole.row())["status"] == "failed"
    assert (await torn.row())["status"] == "in_progress"


async def test_a_team_without_any_subscription_has_its_sessions_ended(team, worker, new_owner):
    owner = await new_owner()
    await owner.book(1, 5)
    await owner.die()
    await team.run("DELETE FROM subscriptions RETURNING id")
    assert await worker.look(ENOUGH) == 1
    assert (await owner.row())["status"] == "failed"
    assert issubclass(NoSubscriptionError, StorageError)


async def test_it_ended_when_its_owner_last_showed_itself(team, redis, worker, new_owner):
    owner = await new_owner()
    await team.run("UPDATE sessions SET started_at = now() - interval '1 day' RETURNING id")
    key = f"{{team:{team.id}}}:session:{owner.session_id}:fence"
    await redis.client.pexpire(key, lease.FENCE_MS - 25_000)
    await owner.die()
    assert await worker.look(ENOUGH) == 1
    ago = datetime.now(UTC) - (await owner.row())["ended_at"]
    # The clock of this test went on by the looks.
    assert timedelta(seconds=24) < ago < timedelta(seconds=25 + ENOUGH * LOOK_EVERY_S + 10)


async def test_the_context_stays_where_the_settings_keep_it(pg, redis, new_owner):
    owner = await new_owner()
    await owner.die()
    assert await Worker(pg, redis, keep_context=True).look(ENOUGH) == 1
    assert (await owner.row())["data"]["context"] == {"a": 1}


async def test_a_session_that_never_recorded_has_no_recording(worker, new_owner):
    owner = await new_owner()
    await owner.die()
    await worker.look(ENOUGH)
    assert (await owner.row())["data"]["recording"] == {"state": "empty"}


async def test_sweeping_once_waits_until_it_knows(pg, redis, new_owner, monkeypatch):
    monkeypatch.setattr(module, "GONE_S", 0.01)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    dead, _alive = await new_owner(), await new_owner()
    await dead.die()
    assert await sweep_once(pg, redis, keep_context=False) == 1
    assert (await dead.row())["status"] == "failed"


async def test_the_owner_s_own_count_of_active_time_stands(team, pg, worker, new_owner):
    owner = await new_owner()
    usage_ = {"audio_tokens": 0, "text_tokens": 0, "active_seconds": 90, "user_audio_seconds": 200}
    await team.run("UPDATE sessions SET usage = $1 RETURNING id", usage_)
    await owner.die()
    await worker.look(ENOUGH)
    assert (await owner.row())["duration_minutes"] == 1.5


@pytest.mark.parametrize(
    ("usage_", "line_ms", "expected_s"),
    [
        ({}, [], 0.0),
        ({"user_audio_seconds": 12.5, "agent_audio_seconds": 3}, [], 12.5),
        ({"agent_audio_seconds": 3}, [4000, 9000], 9.0),
        ({"active_seconds": "much", "user_audio_seconds": -1}, [None], 0.0),
        ({"active_seconds": 2}, [9000], 2.0),
    ],
)
async def test_active_time_without_an_owner_s_count(team, pg, usage_, line_ms, expected_s):
    session_id = await team.add_session()
    async with pg.connection() as conn:
        row = await module._row(conn, Owned(team.id, session_id, 1))
    row.usage.clear()
    row.usage.update(usage_)
    row.data["transcript"] = [{"end_ms": each} for each in line_ms]
    assert active_s(row) == expected_s


async def test_a_session_that_was_left_waits_for_its_client_and_then_ends_as_its_owner_said(
    team, pg, redis, worker, new_owner
):
    owner = await new_owner()
    async with pg.connection() as conn:
        await ownership.leave(
            conn, team.id, owner.session_id, 1, duration_ms=1, reason=EndedReason.DRAIN
        )
    await lease.leave(*owner.place, 1, grace_ms=30_000)
    assert await worker.look(ENOUGH * 2) == 0
    await owner.die()  # nobody came
    assert await worker.look(ENOUGH) == 1
    row = await owner.row()
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "drain")
    assert "leaving" not in row["data"]


@pytest.mark.parametrize("said", [None, "", "whatever", 7, {}])
async def test_what_no_owner_would_say_is_no_reason(team, pg, said):
    session_id = await team.add_session()
    async with pg.connection() as conn:
        row = await module._row(conn, Owned(team.id, session_id, 1))
    row.data["leaving"] = said
    assert how_it_ended(row) == (Status.FAILED, EndedReason.LOST)


async def test_a_session_whose_engine_failed_a_resuming_owner_has_failed(team, pg):
    session_id = await team.add_session()
    async with pg.connection() as conn:
        row = await module._row(conn, Owned(team.id, session_id, 1))
    row.data["leaving"] = "engine"
    assert how_it_ended(row) == (Status.FAILED, EndedReason.ENGINE)


async def test_active_time_that_an_owner_has_written_is_not_taken_back(team, worker, new_owner):
    # It paused, or went away in a drain, without anything booked: a silent session.
    owner = await new_owner()
    await team.run("UPDATE sessions SET duration_minutes = 5 RETURNING id")
    await owner.die()
    await worker.look(ENOUGH)
    assert (await owner.row())["duration_minutes"] == 5
