import asyncio

import aiohttp
import pytest
from asyncpg import UniqueViolationError

from tests.provider import CLIENT_ID, ISSUER, Provider
from voicehub import keys
from voicehub.auth import attempts
from voicehub.auth.id_tokens import IdTokens
from voicehub.auth.key_set import KeySet

ADA = "ada@one.example"


@pytest.fixture(scope="module")
def with_keys():
    provider = Provider()
    provider.add_rsa("rsa")
    return provider


@pytest.fixture
async def provider(with_keys):
    async with with_keys.served():
        yield with_keys


@pytest.fixture
async def app(app, provider):
    """With Google, and with an identity provider that decides on the team."""
    async with aiohttp.ClientSession() as http:
        keys_ = KeySet(provider.url, http)
        app[keys.GOOGLE] = IdTokens(keys_, issuers=[ISSUER], audiences=[CLIENT_ID])
        app[keys.IDENTITY_PROVIDER] = IdTokens(
            keys_, issuers=[ISSUER], audiences=["voicehub"], team_claim="org"
        )
        yield app


@pytest.fixture
def google(web_client, provider):
    async def sign_in(body=None, **claims):
        asked = {"id_token": provider.sign("rsa", **claims)} | (body or {})
        return await web_client.post("/v1/auth/google", asked, who=None)

    return sign_in


@pytest.fixture
def exchange(web_client, provider):
    async def sign_in(body=None, **claims):
        token = provider.sign("rsa", **{"aud": "voicehub", "org": "one"} | claims)
        asked = {"id_token": token} | (body or {})
        return await web_client.post("/v1/auth/token_exchange", asked, who=None)

    return sign_in


async def google_id(web_client, who="ada"):
    return await web_client.run("SELECT google_id FROM users WHERE id = $1", web_client.users[who])


async def test_the_first_sign_in_binds_the_account_to_the_user_of_the_address(web_client, google):
    response, body = await google(email="ADA@One.example")
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada"])
    assert body["refresh_token"]
    assert await google_id(web_client) == "1089"
    response, body = await google()
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada"])


async def test_nobody_becomes_a_user_by_it(web_client, google):
    before = await web_client.run("SELECT count(*) FROM users")
    response, body = await google(email="stranger@gmail.example")
    assert (response.status, body["code"]) == (401, "invalid_credentials")
    assert await web_client.run("SELECT count(*) FROM users") == before


async def test_an_address_that_changed_at_google_takes_nobodys_account(
    web_client, google, password_hash
):
    await web_client.add_user("bob", "one", "bob@one.example", password_hash)
    await google()
    response, body = await google(email="bob@one.example")
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada"])
    response, body = await google(email="nobody@else.example")
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada"])
    assert await google_id(web_client, "bob") is None


async def test_another_google_account_with_the_users_address_is_refused(web_client, google):
    await google()
    response, body = await google(sub="2000")
    assert (response.status, body["code"]) == (401, "invalid_credentials")
    assert await google_id(web_client) == "1089"


async def test_an_unverified_address_binds_nothing(web_client, google):
    for verified in (False, "true"):
        response, body = await google(email_verified=verified)
        assert (response.status, body["code"]) == (401, "email_not_verified")
    assert await google_id(web_client) is None


async def test_the_same_address_in_two_teams_asks_which_and_binds_what_was_chosen(
    web_client, google
):
    await web_client.add_user("ada2", "two", ADA, None)
    response, body = await google()
    assert (response.status, body["code"]) == (409, "team_required")
    assert [team["name"] for team in body["teams"]] == ["one", "two"]
    assert await google_id(web_client) is None
    response, body = await google({"team": "two"})
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada2"])
    assert (await google_id(web_client), await google_id(web_client, "ada2")) == (None, "1089")
    assert (await google())[1]["code"] == "team_required"
    assert (await google({"team": "three"}))[0].status == 401


async def test_two_accounts_at_once_for_one_user_and_one_wins(web_client, google):
    answers = await asyncio.gather(*(google(sub=str(number)) for number in range(5)))
    statuses = sorted(response.status for response, _ in answers)
    assert statuses == [200, 401, 401, 401, 401]
    assert await google_id(web_client) in {str(number) for number in range(5)}


async def test_an_account_is_one_user_of_a_team_whoever_writes(web_client, google):
    await web_client.add_user("bob", "one", "bob@one.example", None)
    await google()
    with pytest.raises(UniqueViolationError):
        await web_client.run(
            "UPDATE users SET google_id = '1089' WHERE id = $1", web_client.users["bob"]
        )
    await web_client.run("DELETE FROM users WHERE id = $1", web_client.users["ada"])
    assert await web_client.run("SELECT count(*) FROM google_accounts") == 0
    await web_client.run(
        "UPDATE users SET google_id = '1089' WHERE id = $1", web_client.users["bob"]
    )
    _, body = await google()
    assert body["user"]["id"] == web_client.users["bob"]


async def test_a_nonce_that_was_asked_for_is_compared(google):
    assert (await google({"nonce": "n-1"}, nonce="n-1"))[0].status == 200
    response, body = await google({"nonce": "n-2"}, nonce="n-1")
    assert (response.status, body["code"]) == (401, "invalid_id_token")


async def test_bad_tokens_are_counted_by_address(web_client, google, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ORIGIN_MAX", 2)
    for _ in range(3):
        assert (await google())[0].status == 200
    statuses = [(await google(aud="other"))[0].status for _ in range(3)]
    assert statuses == [401, 401, 429]


async def test_without_the_providers_keys_it_is_unavailable(provider, google):
    provider.status = 500
    response, body = await google()
    provider.status = 200
    assert (response.status, body["code"]) == (503, "identity_provider_unavailable")
    assert response.headers["Retry-After"]


async def test_hostile_bodies_are_a_clear_400(web_client):
    for wrong in ({}, {"id_token": ""}, {"id_token": 5}, {"id_token": "x" * 16_385}):
        response, _ = await web_client.post("/v1/auth/google", wrong, who=None)
        assert response.status == 400


async def test_the_identity_provider_names_user_and_team_and_binds_nothing(web_client, exchange):
    await web_client.add_user("ada2", "two", ADA, None)
    for team, who in (("one", "ada"), ("two", "ada2")):
        response, body = await exchange(org=team)
        assert (response.status, body["user"]["id"]) == (200, web_client.users[who])
    assert await google_id(web_client) is None
    assert (await exchange({"team": "two"}, org="one"))[0].status == 401
    assert (await exchange({"team": "one"}, org="one"))[0].status == 200
    assert (await exchange(email="stranger@one.example"))[0].status == 401


async def test_a_token_for_google_is_none_of_the_identity_providers(exchange):
    response, body = await exchange(aud=CLIENT_ID)
    assert (response.status, body["code"]) == (401, "invalid_id_token")
