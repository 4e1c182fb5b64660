"""A page of ours signs in: its refresh token is in a cookie that scripts cannot read."""

import pytest

LOGIN = {
    "email": "ada@one.example",
    "password": "correct horse battery staple",
    "refresh_in": "cookie",
}
OURS = {"Origin": "https://voice.example"}


@pytest.fixture
async def kept(web_client):
    """The cookie of somebody who is signed in, as a header."""
    response, body = await web_client.post("/v1/auth/login", LOGIN, who=None)
    assert (response.status, body["refresh_token"]) == (200, None)
    assert body["refresh_expires_in"] > 0
    cookie = response.cookies["voicehub_refresh"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == ("/v1/auth", "Strict", True)
    # The public address is https: the cookie must not travel in the open.
    assert cookie["secure"] is True
    assert int(cookie["max-age"]) == body["refresh_expires_in"]
    return {"Cookie": f"voicehub_refresh={cookie.value}"}


async def refresh(web_client, headers):
    return await web_client.post("/v1/auth/refresh", {}, who=None, headers=headers)


async def test_a_page_is_signed_in_again_by_its_cookie(web_client, kept):
    response, body = await refresh(web_client, kept | OURS)
    assert (response.status, body["refresh_token"]) == (200, None)
    rotated = response.cookies["voicehub_refresh"].value
    assert rotated not in kept["Cookie"]
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    response, me = await web_client.get("/v1/me", who=None, headers=headers)
    assert (response.status, me["id"]) == (200, web_client.users["ada"])


async def test_a_page_of_another_origin_gets_nothing_by_it(web_client, kept):
    for path in ("/v1/auth/refresh", "/v1/auth/logout"):
        for origin in ("https://evil.voice.example", "http://voice.example", "null"):
            headers = kept | {"Origin": origin}
            response, problem = await web_client.post(path, {}, who=None, headers=headers)
            assert (response.status, problem["code"]) == (403, "origin_not_allowed"), origin
    assert (await refresh(web_client, kept | OURS))[0].status == 200


async def test_a_page_of_another_origin_signs_nobody_in_here(web_client):
    # By `http` somebody on the way may be the page.
    for origin in ("https://evil.voice.example", "http://voice.example", "null"):
        headers = {"Origin": origin}
        response, problem = await web_client.post(
            "/v1/auth/login", LOGIN, who=None, headers=headers
        )
        assert (response.status, problem["code"]) == (403, "origin_not_allowed"), origin
        assert "Set-Cookie" not in response.headers
    response, _ = await web_client.post("/v1/auth/login", LOGIN, who=None, headers=OURS)
    assert response.status == 200


async def test_a_page_of_another_origin_changes_no_password(web_client):
    asked = {
        "old_password": LOGIN["password"],
        "new_password": "wrong mule charger paperclip",
        "refresh_in": "cookie",
    }
    headers = {"Origin": "https://evil.voice.example"}
    response, _ = await web_client.post("/v1/me/password", asked, headers=headers)
    assert response.status == 403
    assert (await web_client.post("/v1/auth/login", LOGIN, who=None))[0].status == 200


async def test_without_token_and_cookie_one_has_to_sign_in(web_client):
    response, problem = await refresh(web_client, OURS)
    assert (response.status, problem["code"]) == (401, "invalid_refresh_token")


async def test_signing_out_ends_it_and_takes_the_cookie_away(web_client, kept):
    response, _ = await web_client.post("/v1/auth/logout", {}, who=None, headers=kept | OURS)
    assert response.status == 204
    assert response.cookies["voicehub_refresh"]["max-age"] == "0"
    assert (await refresh(web_client, kept | OURS))[0].status == 401


async def test_a_token_in_the_body_comes_before_the_cookie(web_client, kept):
    login = {**LOGIN, "refresh_in": "body"}
    _, body = await web_client.post("/v1/auth/login", login, who=None)
    token = {"refresh_token": body["refresh_token"]}
    response, again = await web_client.post("/v1/auth/refresh", token, who=None, headers=kept)
    assert response.status == 200
    assert again["refresh_token"]
    assert "voicehub_refresh" not in response.cookies
