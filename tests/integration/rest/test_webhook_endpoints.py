"""`/v1/webhook_endpoints`."""

import base64

import pytest

from tests.webhooks import deliveries
from voicehub.storage import webhook_endpoints as table

URL = "https://hooks.example/voicehub"
PATH = "/v1/webhook_endpoints"
ALL = [
    *("session.started", "session.ended", "recording.ready"),
    *("usage.settled", "quota.warning", "quota.exhausted"),
]


async def created(site, **body):
    response, shown = await site.post(PATH, {"url": URL, **body})
    assert response.status == 201, shown
    return shown


async def test_a_new_endpoint_hears_of_everything_and_shows_its_secret_once(web_client):
    response, shown = await web_client.post(PATH, {"url": URL})
    assert response.status == 201
    assert response.headers["Location"] == f"{PATH}/{shown['id']}"
    secret = shown.pop("secret")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    assert shown["event_types"] == ALL
    assert (shown["object"], shown["url"], shown["description"], shown["is_enabled"]) == (
        *("webhook_endpoint", URL, None),
        True,
    )
    _, again = await web_client.get(f"{PATH}/{shown['id']}")
    _, listed = await web_client.get(PATH)
    assert again == listed["data"][0] == shown
    assert "secret" not in again


async def test_an_admin_is_led_to_the_endpoint_of_the_team(web_client):
    path = f"/v1/teams/{web_client.teams['two']}/webhook_endpoints"
    response, made = await web_client.post(path, {"url": URL}, who="root")
    assert response.headers["Location"] == f"{path}/{made['id']}"
    assert (await web_client.get(response.headers["Location"], who="root"))[0].status == 200


async def test_a_repeated_creation_makes_one_endpoint(web_client):
    headers = {"Idempotency-Key": "hook-1"}
    _, first = await web_client.post(PATH, {"url": URL}, headers=headers)
    _, second = await web_client.post(PATH, {"url": URL}, headers=headers)
    assert first == second
    assert await web_client.run("SELECT count(*) FROM webhook_endpoints") == 1


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example/", "ftp://hooks.example/", "hooks.example", "https://", "x"),
        *("https://user:secret@hooks.example/", "https://key@hooks.example/"),
        *("https://127.0.0.1/", "https://127.1/", "https://0x7f000001/", "https://2130706433/"),
        *("https://017700000001/", "https://[::1]/", "https://[::ffff:10.0.0.1]/"),
        *("https://[64:ff9b::a00:1]/", "https://169.254.169.254/latest", "https://10.0.0.1:8443/"),
        *(
            "https://hooks.example/ x",
            "https://hooks.example/#part",
            "https://hooks.example:99999/",
        ),
    ],
)
async def test_an_address_that_must_not_be_is_refused(web_client, url):
    for response, problem in (
        await web_client.post(PATH, {"url": url}),
        await web_client.ask("PATCH", f"{PATH}/1", json={"url": url}),
    ):
        assert response.status == 400
        assert problem["param"] == "url"
        assert problem["errors"][0]["pointer"] == "#/url"
        assert "secret" not in problem["detail"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": None}, "url"),
        ({"url": "https://x.example/" + "x" * 2048}, "url"),
        ({"url": URL, "event_types": []}, "event_types"),
        ({"url": URL, "event_types": ["session.burnt"]}, "event_types.0"),
        ({"url": URL, "description": "x" * 256}, "description"),
        ({"url": URL, "secret": "whsec_mine"}, "secret"),
        ({"url": URL, "team_id": 2}, "team_id"),
    ],
)
async def test_what_cannot_be_is_refused(web_client, body, param):
    response, problem = await web_client.post(PATH, body)
    assert (response.status, problem["param"]) == (400, param)


async def test_development_may_allow_private_addresses(web_client, settings):
    settings.webhooks_allow_private = True
    shown = await created(web_client, url="http://127.0.0.1:9000/hook")
    assert shown["url"] == "http://127.0.0.1:9000/hook"


async def test_only_what_is_sent_is_changed(web_client):
    shown = await created(web_client, description="Billing", event_types=["usage.settled"] * 2)
    assert shown["event_types"] == ["usage.settled"]
    path = f"{PATH}/{shown['id']}"
    response, changed = await web_client.ask("PATCH", path, json={"description": None})
    assert response.status == 200
    assert changed["description"] is None
    assert (changed["url"], changed["event_types"]) == (URL, ["usage.settled"])
    stale = {"If-Match": '"0-0"'}
    response, _ = await web_client.ask("PATCH", path, json={}, headers=stale)
    assert response.status == 412
    fresh = {"If-Match": (await web_client.get(path))[0].headers["ETag"]}
    more = {"url": "https://b.example/", "event_types": ["session.ended"]}
    response, changed = await web_client.ask("PATCH", path, json=more, headers=fresh)
    assert response.status == 200
    assert {name: changed[name] for name in more} == more


async def test_disabling_gives_up_what_waits_and_enabling_forgets_the_failures(web_client):
    shown = await created(web_client)
    path = f"{PATH}/{shown['id']}"
    response, delivery = await web_client.post(f"{path}/test")
    assert response.status == 202
    assert (delivery["event_type"], delivery["status"]) == ("webhook.test", "pending")
    await web_client.run(
        "UPDATE webhook_endpoints SET failing_since = now(), disabled_reason = 'failing'"
    )
    _, changed = await web_client.ask("PATCH", path, json={"is_enabled": False})
    assert (changed["is_enabled"], changed["disabled_reason"]) == (False, "failing")
    (row,) = await deliveries(web_client.pg, shown["id"])
    assert (row["status"], row["last_error"]) == ("dead", "endpoint_disabled")
    response, problem = await web_client.post(f"{path}/test")
    assert (response.status, problem["code"]) == (409, "endpoint_disabled")
    _, changed = await web_client.ask("PATCH", path, json={"is_enabled": True})
    assert changed["is_enabled"]
    assert changed["disabled_reason"] is changed["failing_since"] is None


async def test_a_rotated_secret_is_shown_once_and_the_former_has_a_day(web_client):
    shown = await created(web_client)
    response, rotated = await web_client.post(f"{PATH}/{shown['id']}/rotate_secret")
    assert response.status == 200
    assert rotated["secret"] != shown["secret"]
    assert rotated["previous_secret_until"] > rotated["updated_at"]
    kept = await web_client.run("SELECT previous_secret FROM webhook_endpoints")
    assert kept == shown["secret"]


async def test_a_deleted_endpoint_is_gone(web_client):
    shown = await created(web_client)
    path = f"{PATH}/{shown['id']}"
    await web_client.post(f"{path}/test")
    response, _ = await web_client.ask("DELETE", path)
    assert response.status == 204
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        response, _ = await web_client.ask(method, path + suffix)
        assert response.status == 404
    assert await web_client.run("SELECT count(*) FROM webhook_deliveries") == 0


async def test_a_team_has_so_many_and_no_more(web_client):
    for _ in range(table.ENDPOINTS_MAX):
        await created(web_client)
    response, problem = await web_client.post(PATH, {"url": URL})
    assert (response.status, problem["code"]) == (409, "endpoint_limit_exceeded")
    response, _ = await web_client.post(PATH, {"url": URL}, who="eve")
    assert response.status == 201


async def test_another_teams_endpoint_does_not_exist(web_client):
    path = f"{PATH}/{(await created(web_client))['id']}"
    for method, suffix, body in (
        ("GET", "", None),
        ("PATCH", "", {"is_enabled": False}),
        ("DELETE", "", None),
        ("POST", "/test", None),
        ("POST", "/rotate_secret", None),
        ("GET", "/deliveries", None),
    ):
        response, _ = await web_client.ask(method, path + suffix, json=body, who="eve")
        assert response.status == 404
    _, listed = await web_client.get(PATH, who="eve")
    assert listed["data"] == []
    _, shown = await web_client.get(path)
    assert shown["is_enabled"]


async def test_an_admin_does_it_for_any_team(web_client):
    path = f"/v1/teams/{web_client.teams['two']}/webhook_endpoints"
    response, shown = await web_client.post(path, {"url": URL}, who="root")
    assert response.status == 201
    _, listed = await web_client.get(PATH, who="eve")
    assert [each["id"] for each in listed["data"]] == [shown["id"]]
