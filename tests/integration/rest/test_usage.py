from datetime import UTC, datetime, timedelta

import pytest

from voicehub.session.metering import MILLION
from voicehub.storage import quota


@pytest.fixture
async def used(web_client):
    """Ada's team used 1 token a day for 40 days, by two agents; Eve's 1000 today."""
    for days in range(40):
        await add(web_client, "one", days, 1, "Ava" if days % 2 else "Own")
    await add(web_client, "two", 0, 1000, "Other")


async def add(web_client, team, days_ago, audio, agent):
    await web_client.run(
        "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, duration_minutes,"
        " data, usage) VALUES ($1, $2, $3, 'completed', $4, 1.5, '{}', $5)",
        web_client.users["ada"],
        web_client.teams[team],
        web_client.agents[agent],
        datetime.now(UTC) - timedelta(days=days_ago),
        {"audio_tokens": audio, "text_tokens": 0.5},
    )


def day(days_ago):
    return (datetime.now(UTC) - timedelta(days=days_ago)).date().isoformat()


async def test_days_groups_and_totals(web_client, used):
    response, body = await web_client.get(f"/v1/usage?from={day(2)}&to={day(1)}")
    assert response.status == 200
    amounts = {"audio_tokens": 1, "text_tokens": 0.5, "minutes": 1.5, "sessions": 1}
    none = {"agent_id": None, "user_id": None}
    assert body == {
        "object": "usage",
        "first_day": day(2),
        "last_day": day(1),
        "group_by": "day",
        "totals": {name: 2 * amount for name, amount in amounts.items()},
        "unsettled": {"audio_tokens": 0, "text_tokens": 0},
        "groups": [{"day": day(each), **none, **amounts} for each in (2, 1)],
        "has_more": False,
    }


async def test_by_agent_and_by_user(web_client, used):
    _, body = await web_client.get(f"/v1/usage?group_by=agent&from={day(2)}")
    assert [(each["agent_id"], each["audio_tokens"]) for each in body["groups"]] == [
        (web_client.agents["Own"], 2),
        (web_client.agents["Ava"], 1),
    ]
    _, body = await web_client.get(f"/v1/usage?group_by=user&from={day(2)}")
    assert [each["user_id"] for each in body["groups"]] == [web_client.users["ada"]]


async def test_the_current_period_is_shown_or_30_days(web_client, used):
    _, body = await web_client.get("/v1/usage")
    assert (body["first_day"], body["last_day"]) == (day(1), day(0))
    await web_client.run("UPDATE subscriptions SET current_period_start = '2001-01-01'")
    _, body = await web_client.get("/v1/usage")
    assert body["first_day"] == day(365)
    await web_client.run("DELETE FROM subscriptions")
    _, body = await web_client.get("/v1/usage")
    assert (body["first_day"], body["totals"]["audio_tokens"]) == (day(29), 30)
    _, body = await web_client.get(f"/v1/usage?to={day(20)}")
    assert (body["first_day"], body["totals"]["audio_tokens"]) == (day(49), 20)
    _, body = await web_client.get("/v1/usage?to=0001-01-05")
    assert (body["first_day"], body["groups"]) == ("0001-01-01", [])


async def test_what_redis_has_booked_stands_apart(web_client, used, redis):
    key = quota.quota_key(web_client.teams["one"])
    await redis.client.hset(key, mapping={"live_audio": 7 * MILLION, "live_text": MILLION // 2})
    _, body = await web_client.get("/v1/usage")
    assert body["unsettled"] == {"audio_tokens": 7, "text_tokens": 0.5}
    assert body["totals"]["audio_tokens"] == 2


@pytest.mark.parametrize(
    "query",
    [
        "from=1700000000",
        "to=2026-02-30",
        "to=0000-01-01",
        "to=2026-11-01T00:00:00",
        "to=",
        "group_by=team",
        "first_day=2026-11-01",
    ],
)
async def test_days_that_make_no_sense_are_a_clear_400(web_client, query):
    response, body = await web_client.get(f"/v1/usage?{query}")
    assert response.status == 400
    assert body["param"] in {"from", "to", "group_by", "first_day"}


@pytest.mark.parametrize(
    "query",
    ["from=2026-11-02&to=2026-11-01", "from=2025-01-01&to=2026-01-02", "from=2999-01-01"],
)
async def test_days_that_are_none_or_too_many_cannot_be_shown(web_client, query):
    response, body = await web_client.get(f"/v1/usage?{query}")
    assert (response.status, body["param"]) == (422, "from")
    assert [each["parameter"] for each in body["errors"]] == ["from", "to"]


async def test_a_leap_year_of_days_may_be_asked_for(web_client):
    response, _ = await web_client.get("/v1/usage?from=2024-01-01&to=2024-12-31")
    assert response.status == 200


async def test_admins_see_all_teams(web_client, used):
    response, body = await web_client.get("/v1/admin/usage?group_by=team", who="root")
    assert response.status == 200
    assert [(each["team_id"], each["audio_tokens"]) for each in body["groups"]] == [
        (web_client.teams["two"], 1000),
        (web_client.teams["one"], 30),
    ]
    assert body["totals"]["audio_tokens"] == 1030
    _, body = await web_client.get(f"/v1/admin/usage?from={day(1)}", who="root")
    assert [(each["day"], each["audio_tokens"]) for each in body["groups"]] == [
        (day(1), 1),
        (day(0), 1001),
    ]
    assert (await web_client.get("/v1/admin/usage"))[0].status == 403
    _, mirrored = await web_client.get(
        f"/v1/teams/{web_client.teams['two']}/usage?from={day(0)}", who="root"
    )
    assert mirrored["totals"]["audio_tokens"] == 1000
