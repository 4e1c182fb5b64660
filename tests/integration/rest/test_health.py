import asyncio

import pytest

from voicehub import keys
from voicehub.rest import health
from voicehub.storage.redis import Redis


async def test_a_process_that_answers_is_alive(web_client):
    response, body = await web_client.get("/healthz", who=None)
    assert (response.status, body) == (200, {"status": "ok"})
    assert (await web_client.client.head("/healthz")).status == 200


async def test_a_server_whose_stores_answer_is_ready(web_client):
    response, body = await web_client.get("/readyz", who=None)
    assert (response.status, body["status"]) == (200, "ready")
    assert {name: store["ok"] for name, store in body["stores"].items()} == {
        "postgres": True,
        "redis": True,
        "spaces": True,
    }


@pytest.fixture
async def app_without_redis(app):
    async with Redis.connect("redis://127.0.0.1:1/0") as unreachable:
        app[keys.REDIS] = unreachable
        yield


async def test_a_store_that_sessions_can_do_without_is_named_and_its_address_is_not(
    app_without_redis, web_client
):
    response, body = await web_client.get("/readyz", who=None)
    assert (response.status, body["status"]) == (200, "degraded")
    assert body["stores"]["postgres"]["ok"]
    assert body["stores"]["redis"]["reason"] == "unavailable"
    assert "127.0.0.1" not in str(body)


async def test_without_postgres_a_server_is_not_ready(web_client, app, monkeypatch):
    async def never(_):
        await asyncio.Event().wait()

    monkeypatch.setattr(health, "PING_DEADLINE_S", 0.05)
    monkeypatch.setattr(type(app[keys.POSTGRES]), "ping", never)
    response, body = await web_client.get("/readyz", who=None)
    assert response.status == 503
    assert body["stores"]["postgres"]["reason"] == "timeout"


async def test_sessions_are_created_without_redis_by_what_is_settled(app_without_redis, web_client):
    assert (await web_client.post("/v1/sessions", {"agent": "Ava"}))[0].status == 201
    for change in (
        "UPDATE subscriptions SET total_audio_tokens_used = 1000",
        "DELETE FROM subscriptions",
    ):
        await web_client.run(change)
        response, body = await web_client.post("/v1/sessions", {"agent": "Ava"})
        assert (response.status, body["code"]) == (403, "insufficient_quota")


async def test_a_session_is_readable_without_redis_and_says_what_is_missing(
    app_without_redis, web_client
):
    session_id = await web_client.add_session(data={"transcript": [{"transcript": "hello"}]})
    response, body = await web_client.get(f"/v1/sessions/{session_id}")
    assert response.status == 200
    assert body["data"]["transcript"] == [{"transcript": "hello"}]
    assert body["is_transcript_complete"] is False
