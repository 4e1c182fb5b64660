"""A sign-in while Redis is away."""

import pytest

from voicehub.auth.refresh_tokens import RefreshToken
from voicehub.storage.redis import Redis

LOGIN = {"email": "ada@one.example", "password": "correct horse battery staple"}


@pytest.fixture
async def redis():
    async with Redis.connect("redis://127.0.0.1:1/0") as unreachable:
        yield unreachable


async def test_a_login_goes_on_and_ends_with_its_access_token(web_client):
    response, body = await web_client.post("/v1/auth/login", LOGIN, who=None)
    assert response.status == 200
    assert (body["refresh_token"], body["refresh_expires_in"]) == (None, None)
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    response, _ = await web_client.get("/v1/me", who=None, headers=headers)
    assert response.status == 200


async def test_what_needs_redis_says_so(web_client):
    token = RefreshToken(
        web_client.users["ada"], web_client.teams["one"], "00" * 16, secret=bytes(32)
    )
    for path, who in (("refresh", None), ("logout", None), ("logout_everywhere", "ada")):
        body = None if who else {"refresh_token": str(token)}
        response, problem = await web_client.post(f"/v1/auth/{path}", body, who=who)
        assert (response.status, problem["code"]) == (503, "storage_unavailable")


async def test_a_password_is_changed_all_the_same(web_client):
    asked = {"old_password": LOGIN["password"], "new_password": "wrong mule charger paperclip"}
    response, body = await web_client.post("/v1/me/password", asked)
    assert (response.status, body["refresh_token"]) == (200, None)
