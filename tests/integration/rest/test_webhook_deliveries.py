"""`/v1/webhook_endpoints/{endpoint_id}/deliveries` and `/v1/webhook_deliveries`."""

import pytest

from tests.webhooks import listening
from voicehub.jobs.webhooks import Deliverer

PATH = "/v1/webhook_endpoints"


@pytest.fixture
async def receiver():
    async with listening() as receiver:
        yield receiver


@pytest.fixture
async def endpoint(web_client, settings, receiver):
    settings.webhooks_allow_private = True
    _, shown = await web_client.post(PATH, {"url": receiver.url()})
    return shown


@pytest.fixture
async def deliver(web_client):
    return Deliverer(web_client.pg, to_private=True).deliver


async def test_a_test_event_goes_the_way_of_all_others_and_may_be_replayed(
    web_client, endpoint, receiver, deliver
):
    _, sent = await web_client.post(f"{PATH}/{endpoint['id']}/test")
    path = f"/v1/webhook_deliveries/{sent['id']}"
    response, problem = await web_client.post(f"{path}/replay")
    assert (response.status, problem["code"]) == (409, "delivery_pending")
    assert await deliver() == 1
    _, shown = await web_client.get(path)
    assert (shown["object"], shown["status"], shown["attempts"], shown["last_status"]) == (
        *("webhook_delivery", "delivered"),
        *(1, 204),
    )
    assert shown["next_attempt_at"] is None
    assert shown["delivered_at"] is not None
    response, again = await web_client.post(f"{path}/replay")
    assert (response.status, again["status"], again["attempts"]) == (202, "pending", 0)
    assert await deliver() == 1
    first, second = receiver.posts
    assert first.id == second.id == sent["event_id"]
    assert first.body == sent["payload"]


async def test_dead_ones_are_listed_and_replayed(web_client, endpoint, receiver, deliver):
    ids = [(await web_client.post(f"{PATH}/{endpoint['id']}/test"))[1]["id"] for _ in range(3)]
    await web_client.run(
        "UPDATE webhook_deliveries SET status = 'dead', next_attempt_at = NULL, attempts = 7"
        " WHERE id <> $1",
        ids[1],
    )
    listed = f"{PATH}/{endpoint['id']}/deliveries"
    _, dead = await web_client.get(f"{listed}?status=dead&order=asc")
    assert [each["id"] for each in dead["data"]] == [ids[0], ids[2]]
    _, every = await web_client.get(f"{listed}?limit=2")
    assert [each["id"] for each in every["data"]] == ids[:0:-1]
    assert every["has_more"]
    response, _ = await web_client.get(f"{listed}?status=lost")
    assert response.status == 400
    await web_client.post(f"/v1/webhook_deliveries/{ids[0]}/replay")
    assert await deliver() == 2
    assert len(receiver.posts) == 2


async def test_nothing_is_replayed_to_a_disabled_endpoint(web_client, endpoint):
    _, sent = await web_client.post(f"{PATH}/{endpoint['id']}/test")
    await web_client.ask("PATCH", f"{PATH}/{endpoint['id']}", json={"is_enabled": False})
    response, problem = await web_client.post(f"/v1/webhook_deliveries/{sent['id']}/replay")
    assert (response.status, problem["code"]) == (409, "endpoint_disabled")


async def test_another_teams_delivery_does_not_exist(web_client, endpoint):
    _, sent = await web_client.post(f"{PATH}/{endpoint['id']}/test")
    path = f"/v1/webhook_deliveries/{sent['id']}"
    for method, suffix in (("GET", ""), ("POST", "/replay")):
        response, _ = await web_client.ask(method, path + suffix, who="eve")
        assert response.status == 404
    response, _ = await web_client.get("/v1/webhook_deliveries/404")
    assert response.status == 404
