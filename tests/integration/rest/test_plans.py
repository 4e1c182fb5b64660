import pytest

from voicehub.session.metering import MILLION
from voicehub.storage import quota

PLAN = {"name": "Starter", "max_audio_tokens": 1000.5, "max_text_tokens": 0}


async def create(web_client, **terms):
    return await web_client.post("/v1/plans", {**PLAN, **terms}, who="root")


async def test_an_admin_makes_a_plan_that_every_user_can_read(web_client):
    response, body = await create(web_client, monthly_price=9.99, description="Small.")
    assert response.status == 201
    assert response.headers["Location"] == f"/v1/plans/{body['id']}"
    for who in ("ada", "eve"):
        shown, again = await web_client.get(f"/v1/plans/{body['id']}", who=who)
        assert (shown.status, again) == (200, body)
    assert (body["max_audio_tokens"], body["monthly_price"]) == (1000.5, 9.99)
    assert (body["annual_price"], body["description"]) == (0, "Small.")
    _, page = await web_client.get("/v1/plans?limit=1")
    assert (page["data"], page["has_more"]) == ([body], True)


async def test_a_service_reads_and_makes_plans_without_a_team(web_client, tokens):
    service = {"Authorization": f"Bearer {tokens.issue_service('billing', days=1)}"}
    response, plan = await web_client.post("/v1/plans", PLAN, who=None, headers=service)
    assert response.status == 201
    for path in ("/v1/plans", f"/v1/plans/{plan['id']}"):
        assert (await web_client.get(path, who=None, headers=service))[0].status == 200
    assert (await web_client.get("/v1/subscription", who=None, headers=service))[0].status == 403


async def test_the_same_key_makes_one_plan(web_client):
    headers = {"Idempotency-Key": "k1"}
    _, first = await web_client.post("/v1/plans", PLAN, who="root", headers=headers)
    response, again = await web_client.post("/v1/plans", PLAN, who="root", headers=headers)
    assert (response.status, again) == (201, first)


async def test_a_name_is_given_once(web_client):
    _, first = await create(web_client)
    _, other = await create(web_client, name="Other")
    for response, body in (
        await create(web_client),
        await web_client.ask(
            "PATCH", f"/v1/plans/{other['id']}", who="root", json={"name": "Starter"}
        ),
    ):
        assert (response.status, body["code"], body["param"]) == (409, "name_taken", "name")
    path = f"/v1/plans/{first['id']}"
    response, _ = await web_client.ask("PATCH", path, who="root", json={"name": "Starter"})
    assert response.status == 200


@pytest.mark.parametrize(
    "terms",
    [
        {"name": " "},
        {"name": None},
        {"name": "x" * 256},
        {"max_audio_tokens": -1},
        {"max_text_tokens": 10**16},
        {"max_audio_tokens": None},
        {"max_audio_tokens": "12"},
        {"monthly_price": 0.0000001},
        {"annual_price": True},
        {"id": 7},
    ],
)
async def test_terms_that_make_no_sense_are_a_clear_400(web_client, terms):
    _, plan = await create(web_client, name="Good")
    path = f"/v1/plans/{plan['id']}"
    for response, body in (
        await create(web_client, **terms),
        await web_client.ask("PATCH", path, who="root", json=terms),
    ):
        assert response.status == 400
        assert body["errors"][0]["pointer"] == f"#/{next(iter(terms))}"


async def test_a_change_touches_what_was_sent(web_client):
    _, plan = await create(web_client, description="Small.", monthly_price=5)
    path = f"/v1/plans/{plan['id']}"
    for sent in ({}, {"description": None}, {"max_text_tokens": 7.25}, {"name": "New"}):
        response, body = await web_client.ask("PATCH", path, who="root", json=sent)
        plan = {**plan, **sent, "updated_at": body["updated_at"]}
        assert (response.status, body) == (200, plan)


async def test_who_read_an_older_state_changes_nothing(web_client):
    _, plan = await create(web_client)
    path = f"/v1/plans/{plan['id']}"
    tag = (await web_client.get(path))[0].headers["ETag"]
    unchanged, _ = await web_client.get(path, headers={"If-None-Match": tag})
    assert unchanged.status == 304
    change = {"who": "root", "json": {"name": "A"}, "headers": {"If-Match": tag}}
    assert (await web_client.ask("PATCH", path, **change))[0].status == 200
    assert (await web_client.ask("PATCH", path, **change))[0].status == 412


async def test_a_plan_goes_only_when_no_subscription_names_it(web_client):
    plan_id = await web_client.run("SELECT min(plan_id) FROM subscriptions")
    await web_client.run("UPDATE subscriptions SET status = 'expired'")
    response, body = await web_client.ask("DELETE", f"/v1/plans/{plan_id}", who="root")
    assert (response.status, body["code"]) == (409, "still_referenced")
    assert "subscriptions: 1" in body["detail"]
    _, plan = await create(web_client)
    path = f"/v1/plans/{plan['id']}"
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 204
    for method in ("GET", "PATCH", "DELETE"):
        response, _ = await web_client.ask(method, path, who="root", json={})
        assert response.status == 404


async def test_other_limits_are_told_to_redis_at_once(web_client, redis):
    plan_id = await web_client.run(
        "SELECT plan_id FROM subscriptions WHERE team_id = $1", web_client.teams["one"]
    )
    path, change = f"/v1/plans/{plan_id}", {"max_audio_tokens": 5, "max_text_tokens": 6.5}
    assert (await web_client.ask("PATCH", path, who="root", json=change))[0].status == 200
    key = quota.quota_key(web_client.teams["one"])
    told = await redis.client.hmget(key, ["limit_audio", "limit_text"])
    assert [int(each) for each in told] == [5 * MILLION, 6.5 * MILLION]
    # The other team has another plan: nothing was to be told.
    assert not await redis.client.exists(quota.quota_key(web_client.teams["two"]))


async def test_users_change_no_plan(web_client):
    plan_id = await web_client.run("SELECT min(id) FROM plans")
    for method, path in (
        ("POST", "/v1/plans"),
        ("PATCH", f"/v1/plans/{plan_id}"),
        ("DELETE", f"/v1/plans/{plan_id}"),
    ):
        response, body = await web_client.ask(method, path, json={})
        assert (response.status, body["code"]) == (403, "admin_required")
