import time

import openai
import pytest
from openai import AsyncOpenAI

PATH = "/v1/realtime/client_secrets"


async def test_the_stock_sdk_gets_a_secret_that_opens_its_session(web_client):
    base_url = str(web_client.client.make_url("/v1"))
    async with AsyncOpenAI(api_key=await web_client.token("ada"), base_url=base_url) as sdk:
        secret = await sdk.realtime.client_secrets.create(
            session={"type": "realtime", "model": "Ava"},
            expires_after={"anchor": "created_at", "seconds": 60},
        )
        assert secret.value.startswith("ek_")
        assert 50 < secret.expires_at - time.time() <= 60
        assert secret.session.type == "realtime"
        assert secret.session.model == "Ava"
    async with AsyncOpenAI(api_key=secret.value, base_url=base_url) as sdk:
        who = await sdk.get("/realtime", cast_to=dict)
    session_id = await web_client.run("SELECT max(id) FROM sessions")
    assert who == {"user": web_client.users["ada"], "session": session_id}


async def test_a_secret_lives_no_longer_than_configured(web_client):
    _, body = await web_client.post(
        PATH,
        {
            "session": {"type": "realtime", "model": "Ava"},
            "expires_after": {"anchor": "created_at", "seconds": 7200},
        },
    )
    assert body["expires_at"] - time.time() <= 600


async def test_errors_have_openais_shape(web_client):
    base_url = str(web_client.client.make_url("/v1"))
    async with AsyncOpenAI(
        api_key=await web_client.token("ada"), base_url=base_url, max_retries=0
    ) as sdk:
        with pytest.raises(openai.NotFoundError) as caught:
            await sdk.realtime.client_secrets.create(session={"type": "realtime", "model": "Zed"})
        assert caught.value.code == "agent_not_found"
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.realtime.client_secrets.create(session={"type": "realtime"})
        assert caught.value.code == "missing_required_parameter"
        assert caught.value.param == "session.model"
        await web_client.run("DELETE FROM subscriptions")
        with pytest.raises(openai.PermissionDeniedError) as caught:
            await sdk.realtime.client_secrets.create(session={"type": "realtime", "model": "Ava"})
        assert caught.value.code == "insufficient_quota"
    async with AsyncOpenAI(api_key="sk-wrong", base_url=base_url, max_retries=0) as sdk:
        with pytest.raises(openai.AuthenticationError) as caught:
            await sdk.realtime.client_secrets.create(session={"type": "realtime", "model": "Ava"})
        assert caught.value.code == "invalid_api_key"


async def test_wrong_bodies_are_a_clear_400(web_client, subtests):
    for body in (
        {},
        {"session": None},
        {"session": {"type": "transcription", "model": "Ava"}},
        {"session": {"type": "realtime", "model": 5}},
        {"session": {"type": "realtime", "model": "a\0"}},
        {"session": {"type": "realtime", "model": "Ava"}, "expires_after": {"seconds": 9}},
        {"session": {"type": "realtime", "model": "Ava"}, "expires_after": {"seconds": 7201}},
        {"session": {"type": "realtime", "model": "Ava"}, "expires_after": {"anchor": "now"}},
    ):
        with subtests.test(str(body)):
            response, answer = await web_client.post(PATH, body)
            assert response.status == 400
            assert answer["error"]["type"] == "invalid_request_error"
    assert await web_client.run("SELECT count(*) FROM sessions") == 0
