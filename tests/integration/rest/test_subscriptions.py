"""What users may do with their team's subscription, what only admins may, and what Redis hears."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicehub import keys
from voicehub.errors import StorageError
from voicehub.session.metering import MILLION
from voicehub.storage import quota
from voicehub.storage.subscriptions import TRANSITIONS, SubscriptionStatus


@pytest.fixture
async def plans(web_client):
    """One that is free and one that is not, and a team that has had nothing yet."""
    await web_client.run("DELETE FROM subscriptions")
    return {
        name: await web_client.run(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens, annual_price)"
            " VALUES ($1, $2, 1000, $3) RETURNING id",
            name,
            Decimal(maximum),
            Decimal(price),
        )
        for name, maximum, price in (("free", 1000, 0), ("paid", 5000, 99))
    }


async def take(web_client, plan_id, **more):
    response, body = await web_client.post("/v1/subscriptions", {"plan_id": plan_id, **more})
    assert response.status == 201, body
    return body


async def act(web_client, subscription, name, json=None, **more):
    return await web_client.post(f"/v1/subscriptions/{subscription['id']}/{name}", json, **more)


async def told(web_client, redis, *names):
    key = quota.quota_key(web_client.teams["one"])
    return [int(each) / MILLION for each in await redis.client.hmget(key, names)]


async def test_a_user_takes_a_free_plan_and_sees_it(web_client, plans, redis):
    response, body = await web_client.post("/v1/subscriptions", {"plan_id": plans["free"]})
    assert response.status == 201
    assert response.headers["Location"] == f"/v1/subscriptions/{body['id']}"
    assert (body["status"], body["team_id"]) == ("free", web_client.teams["one"])
    _, shown = await web_client.get(response.headers["Location"])
    assert shown == body
    assert await told(web_client, redis, "limit_audio", "limit_text") == [1000, 1000]
    month = (
        "SELECT current_period_end = current_period_start + interval '1 month' FROM subscriptions"
    )
    assert await web_client.run(month)


async def test_the_current_one_shows_what_is_left(web_client, plans, redis):
    await take(web_client, plans["free"])
    await web_client.run("UPDATE subscriptions SET total_audio_tokens_used = 100.5")
    key = quota.quota_key(web_client.teams["one"])
    await redis.client.hset(key, mapping={"live_audio": 20 * MILLION, "live_text": -1})
    response, body = await web_client.get("/v1/subscription")
    assert response.status == 200
    assert body["plan"]["id"] == plans["free"]
    assert body["unsettled"] == {"audio_tokens": 20, "text_tokens": 0}
    assert body["left"] == {"audio_tokens": 879.5, "text_tokens": 1000}
    await redis.client.hset(key, "live_audio", 2000 * MILLION)
    _, body = await web_client.get("/v1/subscription")
    assert body["left"]["audio_tokens"] == 0


async def test_without_redis_what_is_settled_is_shown_and_changes_stand(
    web_client, plans, redis, monkeypatch
):
    async def fail(command, *_given, **_named):
        if asyncio.iscoroutine(command):
            command.close()
        raise StorageError("Redis is away.")

    await take(web_client, plans["free"])
    for name in ("run", "within_deadline"):
        monkeypatch.setattr(redis, name, fail)
    _, body = await web_client.get("/v1/subscription")
    assert body["unsettled"] is None
    assert body["left"]["audio_tokens"] == 1000
    response, body = await act(web_client, body, "cancel", {"at_period_end": False})
    assert (response.status, body["status"]) == (200, "cancelled")


async def test_a_team_that_has_none_is_told_so(web_client, plans):
    assert (await web_client.get("/v1/subscription"))[0].status == 404
    assert (await web_client.get("/v1/subscriptions"))[1]["data"] == []


async def test_a_team_has_one_at_a_time(web_client, plans):
    await take(web_client, plans["free"])
    response, body = await web_client.post("/v1/subscriptions", {"plan_id": plans["free"]})
    assert (response.status, body["code"]) == (409, "subscription_exists")


async def test_what_costs_something_is_given_by_admins(web_client, plans):
    paid = {"plan_id": plans["paid"]}
    path = f"/v1/teams/{web_client.teams['one']}/subscriptions"
    # Not even an admin takes it as a user of the team: that would stand in no audit.
    for who in ("ada", "root"):
        response, body = await web_client.post("/v1/subscriptions", paid, who=who)
        assert (response.status, body["code"]) == (403, "plan_not_free")
    response, given = await web_client.post(path, {**paid, "interval": "year"}, who="root")
    assert (response.status, given["status"]) == (201, "active")
    assert response.headers["Location"] == f"{path}/{given['id']}"
    assert given["current_period_end"][:4] > given["current_period_start"][:4]
    response, body = await act(web_client, given, "change_plan", {"plan_id": plans["free"]})
    assert (response.status, body["status"]) == (200, "free")
    response, body = await act(web_client, given, "change_plan", paid)
    assert (response.status, body["code"]) == (403, "plan_not_free")
    for user_may in ("cancel", "reactivate"):
        response, _ = await act(web_client, given, user_may, {} if user_may == "cancel" else None)
        assert response.status == 200


async def test_a_setting_lets_users_take_what_costs_something(web_client, plans, app):
    app[keys.SETTINGS].self_service_plans = True
    assert (await take(web_client, plans["paid"]))["status"] == "active"


async def test_a_change_of_plan_leaves_period_and_totals(web_client, plans, redis):
    taken = await take(web_client, plans["free"])
    await web_client.run("UPDATE subscriptions SET total_audio_tokens_used = 700")
    path = f"/v1/teams/{web_client.teams['one']}/subscriptions/{taken['id']}/change_plan"
    _, body = await web_client.post(path, {"plan_id": plans["paid"]}, who="root")
    changed = {"plan_id": plans["paid"], "status": "active", "total_audio_tokens_used": 700}
    assert body == {**taken, **changed, "updated_at": body["updated_at"]}
    assert await told(web_client, redis, "limit_audio", "used_audio") == [5000, 700]


async def test_cancelling_and_subscribing_anew_refills_nothing(web_client, plans, redis):
    first = await take(web_client, plans["free"])
    await web_client.run(
        "UPDATE subscriptions SET total_audio_tokens_used = 900, total_text_tokens_used = 3,"
        " current_period_start = now() - interval '9 days',"
        " current_period_end = now() + interval '20 days'"
    )
    for interval in (None, "month", "year", None):
        _, before = await web_client.get("/v1/subscription")
        response, body = await act(web_client, first, "cancel", {"at_period_end": False})
        assert (response.status, body["status"]) == (200, "cancelled")
        assert await told(web_client, redis, "limit_audio", "limit_text") == [0, 0]
        first = await take(
            web_client, plans["free"], **({"interval": interval} if interval else {})
        )
        assert first["current_period_start"] == before["current_period_start"]
        assert first["current_period_end"] >= before["current_period_end"]
        assert (first["total_audio_tokens_used"], first["total_text_tokens_used"]) == (900, 3)
        assert await told(web_client, redis, "limit_audio", "used_audio") == [1000, 900]
    _, page = await web_client.get("/v1/subscriptions?order=asc")
    assert [each["status"] for each in page["data"]] == ["cancelled"] * 4 + ["free"]


async def test_one_that_is_to_end_may_go_on_until_it_has_ended(web_client, plans):
    taken = await take(web_client, plans["free"])
    for name, flag in (("reactivate", False), ("cancel", True), ("cancel", True)):
        response, body = await act(web_client, taken, name, {} if name == "cancel" else None)
        assert (response.status, body["cancel_at_period_end"]) == (200, flag)
    response, body = await act(web_client, taken, "reactivate")
    assert (response.status, body) == (200, {**taken, "updated_at": body["updated_at"]})
    await act(web_client, taken, "cancel", {"at_period_end": True})
    await web_client.run("UPDATE subscriptions SET current_period_end = now()")
    response, body = await act(web_client, taken, "reactivate")
    assert (response.status, body["code"]) == (409, "subscription_over")
    assert "subscribe anew" in body["detail"]


async def test_one_without_end_is_cancelled_at_once_only(web_client, plans):
    taken = await take(web_client, plans["free"])
    await web_client.run("UPDATE subscriptions SET current_period_end = NULL")
    response, body = await act(web_client, taken, "cancel", {})
    assert (response.status, body["code"]) == (409, "no_period_end")
    assert (await act(web_client, taken, "cancel", {"at_period_end": False}))[0].status == 200


@pytest.mark.parametrize("status", ["cancelled", "expired"])
async def test_what_is_over_stays_over(web_client, plans, status):
    taken = await take(web_client, plans["free"])
    await web_client.run("UPDATE subscriptions SET status = $1", status)
    adjust = f"/v1/teams/{web_client.teams['one']}/subscriptions/{taken['id']}/adjust"
    answers = [
        await act(web_client, taken, "change_plan", {"plan_id": plans["free"]}),
        await act(web_client, taken, "cancel", {"at_period_end": True}),
        await act(web_client, taken, "cancel", {"at_period_end": False}),
        await act(web_client, taken, "reactivate"),
        await web_client.post(adjust, {"text_tokens": 1, "reason": "x"}, who="root"),
    ]
    assert {(response.status, body["code"]) for response, body in answers} == {
        (409, "subscription_over")
    }


async def test_another_teams_subscription_does_not_exist(web_client, plans):
    taken = await take(web_client, plans["free"])
    one = f"/v1/subscriptions/{taken['id']}"
    mirrored = f"/v1/teams/{web_client.teams['two']}{one[3:]}"
    for who, path in (("eve", one), ("root", mirrored)):
        for method, part, json in (
            ("GET", "", None),
            ("GET", "/changes", None),
            ("POST", "/change_plan", {"plan_id": plans["free"]}),
            ("POST", "/cancel", {}),
            ("POST", "/reactivate", None),
        ):
            response, _ = await web_client.ask(method, path + part, who=who, json=json)
            assert response.status == 404, part
    assert (await web_client.get("/v1/subscriptions", who="eve"))[1]["data"] == []
    assert (await web_client.get(one))[1] == taken


@pytest.mark.parametrize(
    "more", [{"team_id": 2}, {"status": "active"}, {"current_period_end": "2030-01-01T00:00:00Z"}]
)
async def test_nobody_writes_status_or_period(web_client, plans, more):
    response, body = await web_client.post("/v1/subscriptions", {"plan_id": plans["free"], **more})
    assert (response.status, body["code"]) == (400, "unknown_parameter")


async def test_a_plan_that_is_not_there_cannot_be_taken(web_client, plans):
    response, body = await web_client.post("/v1/subscriptions", {"plan_id": 10**12})
    assert (response.status, body["param"]) == (404, "plan_id")


async def test_the_same_key_subscribes_once(web_client, plans):
    asked = ({"plan_id": plans["free"]},)
    headers = {"Idempotency-Key": "k1"}
    _, first = await web_client.post("/v1/subscriptions", *asked, headers=headers)
    response, again = await web_client.post("/v1/subscriptions", *asked, headers=headers)
    assert (response.status, again) == (201, first)


async def test_a_credit_is_felt_at_once_written_down_and_given_once(web_client, plans, redis):
    taken = await take(web_client, plans["free"])
    await web_client.run("UPDATE subscriptions SET total_audio_tokens_used = 900")
    await act(web_client, taken, "change_plan", {"plan_id": plans["free"]})
    assert await told(web_client, redis, "used_audio") == [900]
    path = f"/v1/teams/{web_client.teams['one']}/subscriptions/{taken['id']}/adjust"
    credit = {"audio_tokens": -400.5, "reason": "An outage."}
    for _ in range(2):
        response, body = await web_client.post(
            path, credit, who="root", headers={"Idempotency-Key": "k1"}
        )
        assert (response.status, body["total_audio_tokens_used"]) == (200, 499.5)
    assert await told(web_client, redis, "used_audio") == [499.5]
    _, page = await web_client.get(f"/v1/subscriptions/{taken['id']}/changes")
    newest, first = page["data"]
    assert (first["change"], first["actor"]) == ("created", f"user:{web_client.users['ada']}")
    assert newest["actor"] == f"user:{web_client.users['root']}"
    assert (newest["audio_tokens"], newest["reason"]) == (-400.5, "An outage.")
    assert (await web_client.post(path, credit))[0].status == 403
    assert (await web_client.post(path, {"reason": " "}, who="root"))[0].status == 400


async def test_admins_see_those_of_all_teams(web_client, plans):
    taken = await take(web_client, plans["free"])
    mirrored = f"/v1/teams/{web_client.teams['two']}/subscriptions"
    _, given = await web_client.post(mirrored, {"plan_id": plans["paid"]}, who="root")
    for query, found in (
        ("", [given["id"], taken["id"]]),
        ("?order=asc", [taken["id"], given["id"]]),
        ("?status=free", [taken["id"]]),
        (f"?plan_id={plans['paid']}", [given["id"]]),
        (f"?team_id={web_client.teams['one']}", [taken["id"]]),
        ("?status=expired", []),
    ):
        _, page = await web_client.get(f"/v1/admin/subscriptions{query}", who="root")
        assert [each["id"] for each in page["data"]] == found
    assert (await web_client.get("/v1/admin/subscriptions"))[0].status == 403


LIVE = (SubscriptionStatus.FREE, SubscriptionStatus.ACTIVE)
STATUS_ON = {"free": SubscriptionStatus.FREE, "paid": SubscriptionStatus.ACTIVE}
ACTS = st.one_of(
    st.tuples(st.just("take"), st.sampled_from(["free", "paid"])),
    st.tuples(st.just("change_plan"), st.sampled_from(["free", "paid"])),
    st.tuples(st.just("cancel"), st.sampled_from([True, False])),
    st.tuples(st.just("reactivate"), st.none()),
    st.tuples(st.just("use"), st.integers(1, 50)),
)


@dataclass
class Model:
    """The team's newest subscription, by the table of transitions."""

    status: SubscriptionStatus | None = None
    ends: bool = False
    used: int = 0

    def expect(self, act, choice):
        """The status of the answer; what it changes is changed here."""
        target = {
            "take": STATUS_ON.get(choice),
            "change_plan": STATUS_ON.get(choice),
            "cancel": SubscriptionStatus.CANCELLED,
            "reactivate": self.status,
        }[act]
        if act == "take":
            if self.status in LIVE:
                return 409
            self.status, self.ends = target, False
            return 201
        if self.status is None:
            return 404
        if not TRANSITIONS[self.status]:
            return 409
        if act == "cancel" and choice:
            self.ends = True
        elif act == "reactivate":
            self.ends = False
        else:
            assert target is self.status or target in TRANSITIONS[self.status]
            self.status = target
        return 200


@settings(
    max_examples=25,
    deadline=None,
    # Each example begins with tables that it empties itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=st.lists(ACTS, max_size=12))
async def test_any_sequence_of_acts_follows_the_table_and_never_refills(web_client, plans, acts):
    await web_client.run("DELETE FROM subscriptions")
    model, newest_id = Model(), 10**9
    base = f"/v1/teams/{web_client.teams['one']}/subscriptions"
    for name, choice in acts:
        if name == "use":
            if model.status in LIVE:
                model.used += choice
                await web_client.run(
                    "UPDATE subscriptions SET total_audio_tokens_used ="
                    " total_audio_tokens_used + $2 WHERE id = $1",
                    newest_id,
                    Decimal(choice),
                )
            continue
        expected = model.expect(name, choice)
        path = base if name == "take" else f"{base}/{newest_id}/{name}"
        json = {
            "take": {"plan_id": plans.get(choice)},
            "change_plan": {"plan_id": plans.get(choice)},
            "cancel": {"at_period_end": choice},
            "reactivate": None,
        }[name]
        response, body = await web_client.post(path, json, who="root")
        assert response.status == expected, (name, choice, body)
        if expected == 201:
            newest_id = body["id"]
        if expected < 300:
            shown = (body["status"], body["cancel_at_period_end"], body["total_audio_tokens_used"])
            assert shown == (model.status, model.ends, model.used)
        alive = "SELECT count(*) FROM subscriptions WHERE status IN ('free', 'active')"
        assert await web_client.run(alive) == (model.status in LIVE)
