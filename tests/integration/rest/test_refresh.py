import asyncio
from datetime import UTC, datetime

import pytest

from voicehub import keys
from voicehub.auth.refresh_tokens import RefreshToken, sign_in_mark
from voicehub.storage import users

LOGIN = {"email": "ada@one.example", "password": "correct horse battery staple"}


async def sign_in(web_client, **more):
    response, body = await web_client.post("/v1/auth/login", LOGIN | more, who=None)
    assert response.status == 200
    return body


async def refresh(web_client, token):
    return await web_client.post("/v1/auth/refresh", {"refresh_token": token}, who=None)


async def is_over(web_client, token):
    response, body = await refresh(web_client, token)
    assert response.status == 200 or (response.status, body["code"]) == (
        401,
        "invalid_refresh_token",
    )
    return response.status == 401


async def test_a_login_is_refreshed_from_token_to_token(web_client):
    welcome = await sign_in(web_client)
    assert welcome["refresh_expires_in"] == 30 * 24 * 3600
    for _ in range(3):
        response, again = await refresh(web_client, welcome["refresh_token"])
        assert response.status == 200
        assert again["user"] == welcome["user"]
        assert again["refresh_token"] != welcome["refresh_token"]
        assert again["refresh_expires_in"] <= welcome["refresh_expires_in"]
        welcome = again
    headers = {"Authorization": f"Bearer {welcome['access_token']}"}
    response, me = await web_client.get("/v1/me", who=None, headers=headers)
    assert (response.status, me["id"]) == (200, web_client.users["ada"])


async def test_a_refresh_token_is_no_access_token(web_client):
    welcome = await sign_in(web_client)
    headers = {"Authorization": f"Bearer {welcome['refresh_token']}"}
    response, _ = await web_client.get("/v1/me", who=None, headers=headers)
    assert response.status == 401
    assert await is_over(web_client, welcome["access_token"][:128])


async def test_two_refreshes_at_once_agree_and_a_later_repeat_ends_the_sign_in(web_client):
    token = (await sign_in(web_client))["refresh_token"]
    answers = await asyncio.gather(*(refresh(web_client, token) for _ in range(5)))
    assert [response.status for response, _ in answers] == [200] * 5
    (second,) = {body["refresh_token"] for _, body in answers}
    _, body = await refresh(web_client, second)
    assert await is_over(web_client, token)
    assert await is_over(web_client, body["refresh_token"])


async def test_a_user_who_is_gone_is_not_refreshed(web_client):
    token = (await sign_in(web_client))["refresh_token"]
    await web_client.run("DELETE FROM users WHERE id = $1", web_client.users["ada"])
    assert await is_over(web_client, token)


async def test_a_user_who_was_anonymized_or_has_another_address_is_not_refreshed(web_client):
    team = f"/v1/teams/{web_client.teams['one']}/users"
    await web_client.add_user("bob", "one", "bob@one.example", None)
    async with web_client.pg.connection() as conn:
        bob = await users.get(conn, web_client.teams["one"], web_client.users["bob"])
    issuer = web_client.client.app[keys.REFRESH_TOKENS]
    mark = sign_in_mark(bob.email, bob.password_hash)
    token = (await issuer.begin(bob, mark, datetime.now(UTC))).token
    response, again = await refresh(web_client, token)
    assert response.status == 200
    await web_client.post(f"{team}/{bob.id}/anonymize", who="root")
    assert await is_over(web_client, again["refresh_token"])
    token = (await sign_in(web_client))["refresh_token"]
    ada = f"{team}/{web_client.users['ada']}"
    await web_client.ask("PATCH", ada, json={"email": "ada@new.example"}, who="root")
    assert await is_over(web_client, token)


async def test_the_team_in_a_token_is_not_taken_from_its_sender(web_client):
    token = RefreshToken.parse((await sign_in(web_client))["refresh_token"])
    for forged in (
        RefreshToken(token.user_id, web_client.teams["two"], token.family, token.secret),
        RefreshToken(web_client.users["root"], token.team_id, token.family, token.secret),
        RefreshToken(2**64 - 1, 2**64 - 1, token.family, token.secret),
    ):
        assert await is_over(web_client, str(forged))
    assert not await is_over(web_client, str(token))


@pytest.mark.parametrize("path", ["/v1/auth/refresh", "/v1/auth/logout"])
async def test_hostile_bodies_are_a_clear_400(web_client, path):
    for wrong in ({"refresh_token": ""}, {"refresh_token": 5}, {"refresh_token": "x" * 129}):
        response, _ = await web_client.post(path, wrong, who=None)
        assert response.status == 400


async def test_signing_out_ends_this_sign_in_only(web_client):
    here, there = await sign_in(web_client), await sign_in(web_client)
    for token in (here["refresh_token"], here["refresh_token"], "rt_nonsense"):
        response, body = await web_client.post(
            "/v1/auth/logout", {"refresh_token": token}, who=None
        )
        assert (response.status, body) == (204, None)
    assert await is_over(web_client, here["refresh_token"])
    assert not await is_over(web_client, there["refresh_token"])


async def test_signing_out_everywhere_ends_all_of_the_users_sign_ins(web_client):
    tokens = [(await sign_in(web_client))["refresh_token"] for _ in range(3)]
    other = await sign_in(web_client, email="eve@two.example")
    response, _ = await web_client.post("/v1/auth/logout_everywhere", who=None)
    assert response.status == 401
    response, _ = await web_client.post("/v1/auth/logout_everywhere")
    assert response.status == 204
    assert [await is_over(web_client, token) for token in tokens] == [True] * 3
    assert not await is_over(web_client, other["refresh_token"])
