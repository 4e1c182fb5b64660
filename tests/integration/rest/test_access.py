"""Every route asks for the proof that the table says: nobody gets in by another."""

import pytest

from tests.urls import all_rows, make_all, name_of, parameters, routes_of
from voicehub.rest.middleware import Access

USERS = routes_of(Access.USER, Access.SIGNED_IN)
ADMINS = routes_of(Access.ADMIN)


@pytest.fixture
async def secret(web_client):
    _, body = await web_client.post("/v1/sessions", {"agent": "Ava"})
    return body["client_secret"]["value"]


async def asked(site, route, headers):
    path = route.path.format(**await make_all(site, parameters(route), "ada"))
    before = await all_rows(site.pg)
    async with site.client.request(route.method, path, headers=headers, json={}) as response:
        told = await response.json(content_type=None)
    problem = told.get("error", told)
    changed = "and changed something" if await all_rows(site.pg) != before else ""
    return response.status, problem["code"], changed


async def test_without_a_token_nothing_is_done(web_client):
    for route in USERS + ADMINS:
        got = await asked(web_client, route, {})
        assert got == (401, "missing_api_key", ""), name_of(route)


async def test_a_token_that_is_not_ours_is_none(web_client):
    for route in USERS + ADMINS:
        got = await asked(web_client, route, {"Authorization": "Bearer x.y.z"})
        assert got == (401, "invalid_api_key", ""), name_of(route)


async def test_a_client_secret_opens_its_session_and_nothing_else(web_client, secret):
    for route in USERS + ADMINS:
        got = await asked(web_client, route, {"Authorization": f"Bearer {secret}"})
        assert got == (403, "forbidden", ""), name_of(route)


async def test_a_user_is_no_admin(web_client):
    headers = {"Authorization": f"Bearer {await web_client.token('ada')}"}
    for route in ADMINS:
        got = await asked(web_client, route, headers)
        assert got == (403, "admin_required", ""), name_of(route)


async def test_an_admin_finds_no_team_where_there_is_none(web_client):
    headers = {"Authorization": f"Bearer {await web_client.token('root')}"}
    before = await all_rows(web_client.pg)
    for route in (each for each in ADMINS if "{team_id}" in each.path):
        path = route.path.format(**dict.fromkeys(parameters(route), 0))
        async with web_client.client.request(route.method, path, headers=headers) as response:
            assert response.status == 404, name_of(route)
    assert await all_rows(web_client.pg) == before


async def test_a_token_of_a_user_who_is_gone_changes_nothing(web_client, secret):
    was_ada = {"Authorization": f"Bearer {await web_client.token('ada')}"}
    team_id, user_id = web_client.teams["one"], web_client.users["ada"]
    path = f"/v1/teams/{team_id}/users/{user_id}/anonymize"
    asks = [
        (route, route.path.format(**await make_all(web_client, parameters(route), "ada")))
        for route in USERS
        if route.method != "GET"
    ]
    assert (await web_client.post(path, who="root"))[0].status == 200
    before = await all_rows(web_client.pg)
    for route, path in asks:
        async with web_client.client.request(
            route.method, path, headers=was_ada, json={}
        ) as response:
            assert response.status == 401, name_of(route)
    for token in (was_ada, {"Authorization": f"Bearer {secret}"}):
        assert (await web_client.get("/v1/realtime", who=None, headers=token))[0].status == 401
    assert await all_rows(web_client.pg) == before


async def test_who_was_an_admin_is_shown_no_more_than_others(web_client):
    headers = {"Authorization": f"Bearer {await web_client.token('root')}"}
    await web_client.run(
        "UPDATE users SET email = 'was@one.example' WHERE id = $1", web_client.users["root"]
    )
    for path in (f"/v1/agents/{web_client.agents['Ava']}", "/v1/plans", "/v1/teams"):
        response, body = await web_client.get(path, who=None, headers=headers)
        assert (response.status, body["code"]) == (401, "invalid_api_key"), path
