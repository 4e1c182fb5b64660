import asyncio

import pytest

WRITTEN = {
    "name": "Ida",
    "description": "Answers.",
    "persona_prompt": "You are Ida.",
    "system_prompt": "Be brief.",
    "settings": {"engine": "local", "mine": 1},
}


@pytest.fixture
async def own(web_client):
    return f"/v1/agents/{web_client.agents['Own']}"


async def test_a_team_sees_its_own_agents_and_the_built_in_ones(web_client):
    response, body = await web_client.get("/v1/agents?order=asc")
    assert response.status == 200
    assert [(agent["name"], agent["is_built_in"]) for agent in body["data"]] == [
        ("Ava", True),
        ("Own", False),
    ]


async def test_prompts_stay_out_of_the_list(web_client):
    _, body = await web_client.get("/v1/agents")
    assert "secret" not in str(body)


async def test_a_deleted_agent_is_gone(web_client, own):
    assert (await web_client.ask("DELETE", own))[0].status == 204
    _, body = await web_client.get("/v1/agents")
    assert [agent["name"] for agent in body["data"]] == ["Ava"]
    for method, json in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert (await web_client.ask(method, own, json=json))[0].status == 404
    assert (await web_client.post("/v1/sessions", {"agent": "Own"}))[0].status == 404


async def test_agents_come_in_pages(web_client):
    for number in range(3):
        await web_client.add_agent(f"more-{number}", "one")
    _, first = await web_client.get("/v1/agents?limit=3")
    _, second = await web_client.get(f"/v1/agents?limit=3&after={first['last_id']}")
    names = [agent["name"] for agent in first["data"] + second["data"]]
    assert names == ["more-2", "more-1", "more-0", "Own", "Ava"]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_a_wrong_query_is_a_clear_400(web_client):
    assert (await web_client.get("/v1/agents?limit=1000"))[0].status == 400


async def test_a_list_can_be_of_a_name_a_creator_or_a_kind(web_client, subtests):
    await web_client.post("/v1/agents", WRITTEN)
    ada = web_client.users["ada"]
    for query, names in (
        ("name=Ida", ["Ida"]),
        ("name=ida", []),
        (f"creator_id={ada}", ["Ida"]),
        ("is_built_in=true", ["Ava"]),
        ("is_built_in=false", ["Ida", "Own"]),
    ):
        with subtests.test(query):
            _, body = await web_client.get(f"/v1/agents?{query}")
            assert [agent["name"] for agent in body["data"]] == names


async def test_an_agent_is_created_by_its_user_for_the_team(web_client):
    response, body = await web_client.post("/v1/agents", WRITTEN)
    assert response.status == 201
    assert response.headers["Location"] == f"/v1/agents/{body['id']}"
    assert {name: body[name] for name in WRITTEN} == WRITTEN
    assert (body["team_id"], body["creator_id"], body["is_built_in"]) == (
        web_client.teams["one"],
        web_client.users["ada"],
        False,
    )
    response, shown = await web_client.get(response.headers["Location"], who="root")
    assert shown == body
    assert (await web_client.get(f"/v1/agents/{body['id']}", who="eve"))[0].status == 404


async def test_an_agent_that_an_admin_makes_for_a_team_has_no_creator(web_client):
    team = f"/v1/teams/{web_client.teams['two']}"
    response, body = await web_client.post(f"{team}/agents", {"name": "Help"}, who="root")
    assert response.status == 201
    assert response.headers["Location"] == f"{team}/agents/{body['id']}"
    assert (body["team_id"], body["creator_id"]) == (web_client.teams["two"], None)


async def test_a_repeated_key_creates_one_agent(web_client):
    headers = {"Idempotency-Key": "once"}
    first = await web_client.post("/v1/agents", WRITTEN, headers=headers)
    again = await web_client.post("/v1/agents", WRITTEN, headers=headers)
    assert again[1] == first[1]
    assert again[0].headers["ETag"] == first[0].headers["ETag"]


async def test_a_patch_changes_what_was_sent_and_nothing_else(web_client, own):
    _, before = await web_client.get(own)
    settings = {"engine": "local", "a": 1, "b": {"c": 1, "d": 2}}
    await web_client.ask("PATCH", own, json={"settings": settings})
    changes = {"description": "New.", "settings": {"a": None, "b": {"c": 3}}}
    response, after = await web_client.ask("PATCH", own, json=changes)
    assert response.status == 200
    same = {"description": "New.", "settings": {"engine": "local", "b": {"c": 3}}}
    assert after == before | same | {"updated_at": after["updated_at"]}
    assert (await web_client.get(own))[1] == after


async def test_a_change_of_an_older_state_is_refused(web_client, own):
    response, _ = await web_client.get(own)
    headers = {"If-Match": response.headers["ETag"]}
    first = await web_client.ask("PATCH", own, json={"name": "First"}, headers=headers)
    second = await web_client.ask("PATCH", own, json={"name": "Second"}, headers=headers)
    assert (first[0].status, second[0].status) == (200, 412)
    assert first[0].headers["ETag"] != headers["If-Match"]
    known = {"If-None-Match": first[0].headers["ETag"]}
    assert (await web_client.get(own, headers=known))[0].status == 304


async def test_settings_that_the_server_cannot_serve_name_their_place(web_client, own):
    for method, path in (("POST", "/v1/agents"), ("PATCH", own)):
        json = {"name": "x", "settings": {"engine": "https://elsewhere.example"}}
        response, body = await web_client.ask(method, path, json=json)
        assert response.status == 400
        assert body["errors"][0]["pointer"] == "#/settings/engine"


async def test_what_is_not_the_users_to_write_is_refused(web_client, own, subtests):
    for name in ("id", "team_id", "creator_id", "is_built_in", "deleted_at", "created_at"):
        for method, path in (("POST", "/v1/agents"), ("PATCH", own)):
            with subtests.test(f"{method} {name}"):
                json = {"name": "x", name: None}
                response, body = await web_client.ask(method, path, json=json)
                assert (response.status, body["code"]) == (400, "unknown_parameter")


async def test_a_built_in_agent_is_read_without_what_it_is_told(web_client):
    path = f"/v1/agents/{web_client.agents['Ava']}"
    _, body = await web_client.get(path)
    assert (body["name"], body["persona_prompt"], body["settings"]) == ("Ava", None, None)
    assert "secret" not in str(body)
    _, body = await web_client.get(path, who="root")
    assert body["persona_prompt"] == "secret persona"


async def test_a_team_changes_no_built_in_agent(web_client):
    agent_id = web_client.agents["Ava"]
    for path, who in (
        (f"/v1/agents/{agent_id}", "ada"),
        (f"/v1/teams/{web_client.teams['one']}/agents/{agent_id}", "root"),
    ):
        for method, json in (("PATCH", {"name": "x"}), ("DELETE", None)):
            response, body = await web_client.ask(method, path, json=json, who=who)
            assert (response.status, body["code"]) == (403, "agent_is_built_in")


async def test_a_deleted_agents_sessions_can_be_read_and_an_admin_brings_it_back(web_client, own):
    session_id = await web_client.add_session(agent="Own")
    await web_client.ask("DELETE", own)
    assert (await web_client.get(f"/v1/sessions/{session_id}"))[0].status == 200
    path = f"/v1/teams/{web_client.teams['one']}/agents/{web_client.agents['Own']}/restore"
    assert (await web_client.post(path))[0].status == 403
    for _ in range(2):
        response, body = await web_client.post(path, who="root")
        assert (response.status, body["name"]) == (200, "Own")
    assert (await web_client.get(own))[0].status == 200


async def test_another_teams_agent_cannot_be_restored_here(web_client):
    path = f"/v1/teams/{web_client.teams['one']}/agents/{web_client.agents['Other']}/restore"
    assert (await web_client.post(path, who="root"))[0].status == 404


async def test_an_agent_is_deleted_while_sessions_are_created_with_it(web_client):
    for round_ in range(4):
        agent_id = await web_client.add_agent(f"brief-{round_}", "one")
        *opened, (deleted, _) = await asyncio.gather(
            *(
                web_client.post("/v1/sessions", {"agent_id": agent_id}, who=who)
                for who in ("ada", "root")
            ),
            web_client.ask("DELETE", f"/v1/agents/{agent_id}"),
        )
        assert deleted.status == 204
        assert {response.status for response, _ in opened} <= {201, 404}
        assert (await web_client.post("/v1/sessions", {"agent_id": agent_id}))[0].status == 404
        await web_client.run("UPDATE sessions SET status = 'failed', ended_at = now()")
