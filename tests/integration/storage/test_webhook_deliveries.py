"""What the triggers leave for webhooks, and what becomes of it in the table."""

import re
from decimal import Decimal
from typing import get_args

import pytest

from tests.teams import add_team
from tests.webhooks import add_endpoint, deliveries
from voicehub.errors import ConflictError
from voicehub.session.state import EndedReason, Status
from voicehub.storage import (
    ownership,
    retention,
    settlement,
    webhook_deliveries,
    webhook_endpoints,
)
from voicehub.storage.page import Window
from voicehub.storage.queries import sql_folder
from voicehub.storage.webhook_deliveries import DeliveryStatus

URL = "https://hooks.example/"


@pytest.fixture
async def team(pg):
    return await add_team(pg)


@pytest.fixture
async def endpoint_id(pg, team):
    return await add_endpoint(pg, team.id, URL)


async def told(pg, endpoint_id):
    """Type and content of each event, in the order of their rows."""
    rows = await deliveries(pg, endpoint_id)
    for row in rows:
        assert row["payload"]["type"] == row["event_type"]
        assert row["payload"]["timestamp"].endswith("Z")
        assert row["event_id"].startswith("evt_")
        assert (row["status"], row["attempts"]) == ("pending", 0)
    return [(row["event_type"], row["payload"]["data"]) for row in rows]


async def finish(team, session_id, recording, token=9):
    async with team.pg.connection() as conn:
        await ownership.finish(
            conn,
            team.id,
            session_id,
            token,
            status=Status.COMPLETED,
            reason=EndedReason.CLIENT_CLOSE,
            duration_ms=90_000,
            recording=recording,
            keep_context=False,
        )


async def settle(team, session_id, audio, text=0):
    async with team.pg.connection() as conn:
        usage = {"audio_tokens": audio, "text_tokens": text, "responses": 1}
        await settlement.settle(conn, team.id, session_id, usage)


async def test_a_session_tells_when_it_starts_ends_settles_and_can_be_heard(team, endpoint_id):
    session_id = await team.add_session(status="created", fence=0)
    async with team.pg.connection() as conn:
        token = await ownership.start(conn, team.id, session_id)
        await ownership.pause(conn, team.id, session_id, token, duration_ms=1.0, at_ms=1.0)
        token = await ownership.start(conn, team.id, session_id)  # no second start
    await settle(team, session_id, 100)
    await settle(team, session_id, 150.5, 20)
    await finish(team, session_id, {"state": "processing"}, token)
    async with team.pg.connection() as conn:
        made = {"state": "ready", "format": "flac", "bytes": 1000, "seconds": 1.5, "key": "k"}
        await ownership.set_recording(conn, team.id, session_id, token, made, "https://spaces/k")
    events = await told(team.pg, endpoint_id)
    whose = {"session_id": session_id, "agent_id": team.agent_id, "user_id": team.user_id}
    row = await team.row(session_id)
    started_at, ended_at = (
        row[name].isoformat(timespec="microseconds").replace("+00:00", "Z")
        for name in ("started_at", "ended_at")
    )
    assert events == [
        ("session.started", whose | {"status": "in_progress", "started_at": started_at}),
        (
            "session.ended",
            whose
            | {
                "status": "completed",
                "ended_reason": "client_close",
                "started_at": started_at,
                "ended_at": ended_at,
                "duration_minutes": 1.5,
            },
        ),
        (
            "usage.settled",
            whose | {"audio_tokens": 150.5, "text_tokens": 20, "duration_minutes": 1.5},
        ),
        (
            "recording.ready",
            whose | {"state": "ready", "format": "flac", "bytes": 1000, "seconds": 1.5},
        ),
    ]


async def test_every_way_to_end_tells_of_it(team, endpoint_id):
    paused = await team.add_session(status="paused")
    unopened = await team.add_session(status="created")
    swept = await team.add_session()
    async with team.pg.connection() as conn:
        await conn.execute(
            "UPDATE sessions SET created_at = now() - interval '2 days' WHERE id = $1", unopened
        )
        assert await ownership.end_paused(conn, team.id, paused, keep_context=False)
        limits = {"older_than_s": 86_400, "limit": 10, "keep_context": False}
        assert await ownership.end_unopened(conn, **limits) == 1
        await ownership.finish(
            *(conn, team.id, swept, 1),
            status=Status.FAILED,
            reason=EndedReason.LOST,
            duration_ms=0,
            recording={"state": "processing"},
            keep_context=False,
        )
    found = await told(team.pg, endpoint_id)
    ended = [event for kind, event in found if kind == "session.ended"]
    assert [(each["session_id"], each["status"], each["ended_reason"]) for each in ended] == [
        (paused, "completed", "client_close"),
        (unopened, "failed", "lost"),
        (swept, "failed", "lost"),
    ]
    assert [kind for kind, _ in found].count("usage.settled") == 3


async def test_usage_that_no_settlement_wrote_ends_its_session_all_the_same(team, endpoint_id):
    session_id = await team.add_session()
    odd = {"audio_tokens": "9" * 300, "text_tokens": [1]}
    await team.run("UPDATE sessions SET usage = $2 WHERE id = $1", session_id, odd)
    await finish(team, session_id, {"state": "empty"})
    assert (await team.row(session_id))["status"] == "completed"


async def test_usage_that_is_settled_late_is_an_event_of_its_own(team, endpoint_id):
    session_id = await team.add_session()
    await settle(team, session_id, 10)
    await finish(team, session_id, {"state": "empty"})
    await settle(team, session_id, 10)  # says nothing new
    await settle(team, session_id, 30)
    await settle(team, session_id, 20)  # older than what is settled
    settled = [
        event["audio_tokens"]
        for kind, event in await told(team.pg, endpoint_id)
        if kind == "usage.settled"
    ]
    assert settled == [10, 30]


async def test_what_changes_later_in_a_row_tells_nothing_again(team, endpoint_id):
    session_id = await team.add_session()
    await finish(team, session_id, {"state": "ready"})
    before = len(await deliveries(team.pg, endpoint_id))
    async with team.pg.connection() as conn:
        await conn.execute("DELETE FROM webhook_deliveries")  # as after 30 days
        await retention.audio_removed(conn, team.id, session_id, "removed")
        await retention.remove_transcripts(conn, 0, session_id, 0)
    assert before == 3
    assert await deliveries(team.pg, endpoint_id) == []


async def test_a_change_that_is_rolled_back_tells_nothing(team, endpoint_id):
    session_id = await team.add_session()
    async with team.pg.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute(
            "UPDATE sessions SET status = 'failed', ended_at = now() WHERE id = $1", session_id
        )
        assert await conn.fetchval("SELECT count(*) FROM webhook_deliveries") == 2
        await transaction.rollback()
    assert await deliveries(team.pg, endpoint_id) == []


async def test_only_enabled_endpoints_of_the_team_hear_and_only_of_what_they_want(pg, team):
    ended = await add_endpoint(pg, team.id, URL, "session.ended")
    quota = await add_endpoint(pg, team.id, URL, "quota.warning")
    disabled = await add_endpoint(pg, team.id, URL)
    others = await add_endpoint(pg, await team.run("INSERT INTO team (label, name)"
        " VALUES ('O', 'o') RETURNING id"), URL)  # fmt: skip  # one statement
    await team.run("UPDATE webhook_endpoints SET is_enabled = false WHERE id = $1", disabled)
    session_id = await team.add_session()
    await finish(team, session_id, {"state": "empty"})
    heard = [
        [kind for kind, _ in await told(pg, each)] for each in (ended, quota, disabled, others)
    ]
    assert heard == [["session.ended"], [], [], []]


async def test_all_endpoints_hear_of_an_event_under_one_id(pg, team, endpoint_id):
    other = await add_endpoint(pg, team.id, URL, "session.ended")
    await finish(team, await team.add_session(), {"state": "empty"})
    ids = {
        row["event_id"]
        for each in (endpoint_id, other)
        for row in await deliveries(pg, each)
        if row["event_type"] == "session.ended"
    }
    assert len(ids) == 1


async def test_the_plan_warns_at_its_marks_once_a_period_and_kind(team, endpoint_id):
    session_id = await team.add_session()
    for audio, text in ((799, 0), (800, 0), (801, 800), (960, 800), (1000, 800), (1200, 800)):
        await settle(team, session_id, audio, text)
    marks = [
        (kind, event["kind"], event["percent"], event["tokens_used"], event["tokens_max"])
        for kind, event in await told(team.pg, endpoint_id)
    ]
    assert marks == [
        ("quota.warning", "audio", 80, 800, 1000),
        ("quota.warning", "text", 80, 800, 1000),
        ("quota.warning", "audio", 95, 960, 1000),
        ("quota.exhausted", "audio", 100, 1000, 1000),
    ]


async def test_the_next_period_warns_again(team, endpoint_id):
    await settle(team, await team.add_session(), 900)
    await team.run(
        "UPDATE subscriptions SET total_audio_tokens_used = 0, current_period_start = now()"
    )
    await settle(team, await team.add_session(), 850)
    assert [kind for kind, _ in await told(team.pg, endpoint_id)] == ["quota.warning"] * 2


async def test_a_smaller_plan_warns_of_what_it_no_longer_holds(team, endpoint_id):
    await settle(team, await team.add_session(), 500)
    smaller = await team.run(
        "INSERT INTO plans (name, max_audio_tokens, max_text_tokens) VALUES ('s', $1, $1)"
        " RETURNING id",
        Decimal(600),
    )
    await team.run("UPDATE subscriptions SET plan_id = $1", smaller)
    assert [(kind, event["percent"]) for kind, event in await told(team.pg, endpoint_id)] == [
        ("quota.warning", 80)
    ]


async def test_of_claims_each_delivery_is_in_one_and_no_endpoint_has_more_than_its_share(pg, team):
    busy = await add_endpoint(pg, team.id, URL)
    quiet = await add_endpoint(pg, team.id, URL)
    async with pg.connection() as conn, pg.connection() as other:
        for _ in range(9):
            await webhook_deliveries.add_test(conn, team.id, busy)
        await webhook_deliveries.add_test(conn, team.id, quiet)

        async def claim(by, under_way=()):
            return await webhook_deliveries.claim(
                by, 50, per_endpoint=4, under_way=list(under_way), life_s=60
            )

        async with conn.transaction():
            first = await claim(conn)
            second = await claim(other)  # while the first is not committed
        third = await claim(conn, [busy] * 3)
        fourth = await claim(conn, [busy] * 4)
    assert sorted(each.endpoint_id for each in first) == [busy] * 4 + [quiet]
    assert [each.endpoint_id for each in second] == [busy] * 4
    assert [each.endpoint_id for each in third] == [busy]
    assert fourth == []
    ids = [each.id for each in (*first, *second, *third)]
    assert len(set(ids)) == len(ids) == 10
    assert "whsec" not in repr(first)
    assert URL not in repr(first)


async def test_an_endpoint_that_is_failing_has_one_under_way(pg, team, endpoint_id):
    async with pg.connection() as conn:
        for _ in range(3):
            await webhook_deliveries.add_test(conn, team.id, endpoint_id)
        await webhook_endpoints.failed(conn, team.id, endpoint_id)
        for under_way, claimed in (([], 1), ([endpoint_id], 0), ([endpoint_id] * 4, 0)):
            found = await webhook_deliveries.claim(
                conn, 50, per_endpoint=4, under_way=under_way, life_s=60
            )
            assert len(found) == claimed


def test_the_triggers_know_every_type_that_an_endpoint_may_ask_for():
    sql = (sql_folder() / "schema.sql").read_text("utf-8")
    told = set(re.findall(r"'((?:session|recording|usage|quota)\.[a-z]+)'", sql))
    assert told == set(get_args(webhook_endpoints.EventType))


async def test_a_claim_that_ran_out_is_anybodys_and_the_late_one_counts_only_as_a_success(
    pg, team, endpoint_id
):
    async with pg.connection() as conn:
        await webhook_deliveries.add_test(conn, team.id, endpoint_id)
        limits = {"per_endpoint": 4, "under_way": [], "life_s": 0.0}
        (late,) = await webhook_deliveries.claim(conn, 1, **limits)
        (now,) = await webhook_deliveries.claim(conn, 1, **limits)
        assert (late.attempts, now.attempts) == (1, 2)
        assert not await webhook_deliveries.failed(conn, late, status=500, error=None, wait_s=None)
        assert not await webhook_deliveries.delivered(conn, late, 200)
        assert await webhook_deliveries.delivered(conn, now, 200)
        assert not await webhook_deliveries.delivered(conn, now, 200)
    (row,) = await deliveries(pg, endpoint_id)
    assert (row["status"], row["last_status"], row["next_attempt_at"]) == ("delivered", 200, None)


async def test_what_is_over_is_removed_when_it_is_old(pg, team, endpoint_id):
    async with pg.connection() as conn:
        for _ in range(5):
            await webhook_deliveries.add_test(conn, team.id, endpoint_id)
        await conn.execute(
            "UPDATE webhook_deliveries SET created_at = now() - interval '31 days', status = CASE"
            " id % 2 WHEN 0 THEN 'dead' ELSE 'delivered' END WHERE id <= 4"
        )
        await conn.execute("UPDATE webhook_deliveries SET status = 'pending' WHERE id = 2")
        month_s = 30 * 86_400.0
        assert await webhook_deliveries.remove_old(conn, 0, 3, month_s) == (3, 2)
        assert await webhook_deliveries.remove_old(conn, 3, 3, month_s) == (None, 1)
        assert await webhook_deliveries.remove_old(conn, 5, 3, month_s) == (None, 0)
    assert [row["id"] for row in await deliveries(pg, endpoint_id)] == [2, 5]


@pytest.mark.parametrize("descending", [True, False])
async def test_a_page_may_be_of_one_status(pg, team, endpoint_id, descending):
    async with pg.connection() as conn:
        for _ in range(6):
            await webhook_deliveries.add_test(conn, team.id, endpoint_id)
        await conn.execute("UPDATE webhook_deliveries SET status = 'dead' WHERE id % 2 = 0")
        place = (conn, team.id, endpoint_id)
        window = Window(2, descending=descending)
        dead = await webhook_deliveries.list_page(*place, DeliveryStatus.DEAD, window)
        every = await webhook_deliveries.list_page(*place, None, window)
    ids = [each.id for each in dead.rows], [each.id for each in every.rows]
    assert ids == (([6, 4], [6, 5]) if descending else ([2, 4], [1, 2]))
    assert dead.has_more
    assert every.has_more


async def test_the_queries_of_a_long_table_go_by_an_index(pg, team, endpoint_id):
    async with pg.connection() as conn:
        await conn.execute(
            "INSERT INTO webhook_deliveries (team_id, endpoint_id, event_id, event_type, event_key,"
            " payload, status) SELECT $1, $2 + number % 50, 'evt', 'x', number, '{}',"
            " CASE WHEN number % 1000 = 0 THEN 'pending' ELSE 'delivered' END"
            " FROM generate_series(1, 20000) AS number",
            team.id,
            endpoint_id,
        )
        await conn.execute("ANALYZE webhook_deliveries")
        plans = [
            "\n".join(row[0] for row in await conn.fetch("EXPLAIN " + sql))
            for sql in (
                _filled("claim", 50, 4, "'{}'", 60),
                _filled("page_of_status_descending", team.id, endpoint_id, 0, 10**9, 20, "'dead'"),
                _filled("page_descending", team.id, endpoint_id, 0, 10**9, 20),
                _filled("remove_old", 0, 100, 100),
            )
        ]
    for plan in plans:
        assert "Seq Scan on webhook_deliveries" not in plan
    assert "webhook_deliveries_pending_idx" in plans[0]


def _filled(name, *values):
    sql = webhook_deliveries._SQL[name]  # the statement as it runs
    for place, value in reversed(list(enumerate(values, 1))):
        sql = sql.replace(f"${place}", str(value))
    return sql


async def test_no_event_comes_after_its_endpoint_was_disabled(pg, team, endpoint_id):
    async with pg.connection() as conn:
        await webhook_deliveries.add_test(conn, team.id, endpoint_id)
        async with conn.transaction():
            endpoint = await webhook_endpoints.lock(conn, team.id, endpoint_id)
            await webhook_endpoints.update(
                *(conn, team.id, endpoint_id),
                url=endpoint.url,
                description=None,
                event_types=endpoint.event_types,
                is_enabled=False,
            )
        with pytest.raises(ConflictError):
            await webhook_endpoints.require_enabled(conn, team.id, endpoint_id)
    await finish(team, await team.add_session(), {"state": "empty"})
    (row,) = await deliveries(pg, endpoint_id)
    assert (row["status"], row["last_error"]) == ("dead", "endpoint_disabled")
