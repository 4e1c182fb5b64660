import pytest


@pytest.fixture
def built_in(web_client):
    return f"/v1/admin/agents/{web_client.agents['Ava']}"


async def test_an_admin_sees_the_agents_of_all_teams_and_the_deleted_ones(web_client, subtests):
    await web_client.run("UPDATE ai_agents SET deleted_at = now() WHERE name = 'Other'")
    two = web_client.teams["two"]
    for query, names in (
        ("", ["Other", "Own", "Ava"]),
        ("is_deleted=false", ["Own", "Ava"]),
        (f"team_id={two}", ["Other"]),
        (f"team_id={two}&is_deleted=false", []),
        ("is_built_in=true", ["Ava"]),
        ("name=Own&order=asc", ["Own"]),
    ):
        with subtests.test(query):
            _, body = await web_client.get(f"/v1/admin/agents?{query}", who="root")
            assert [agent["name"] for agent in body["data"]] == names
            assert "secret" not in str(body)


async def test_an_admin_makes_changes_and_deletes_an_agent_of_every_team(web_client):
    response, body = await web_client.post("/v1/admin/agents", {"name": "Max"}, who="root")
    assert response.status == 201
    path = response.headers["Location"]
    assert path == f"/v1/admin/agents/{body['id']}"
    assert (body["is_built_in"], body["team_id"], body["creator_id"]) == (True, None, None)
    _, body = await web_client.ask("PATCH", path, json={"system_prompt": "New."}, who="root")
    assert body["system_prompt"] == "New."
    _, seen = await web_client.get(f"/v1/agents/{body['id']}", who="eve")
    assert (seen["name"], seen["system_prompt"]) == ("Max", None)
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 204
    assert (await web_client.get(f"/v1/agents/{body['id']}", who="eve"))[0].status == 404
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 404
    assert (await web_client.post(f"{path}/restore", who="root"))[0].status == 200
    assert (await web_client.get(path, who="root"))[1]["system_prompt"] == "New."


async def test_a_change_of_an_older_state_is_refused(web_client, built_in):
    response, _ = await web_client.get(built_in, who="root")
    headers = {"If-Match": response.headers["ETag"]}
    statuses = [
        (await web_client.ask("PATCH", built_in, json={"name": name}, who="root", headers=headers))[
            0
        ].status
        for name in ("One", "Two")
    ]
    assert statuses == [200, 412]


async def test_a_teams_agent_is_no_built_in_one(web_client):
    path = f"/v1/admin/agents/{web_client.agents['Own']}"
    for method, way, json in (
        ("GET", path, None),
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
    ):
        assert (await web_client.ask(method, way, json=json, who="root"))[0].status == 404


async def test_only_admins_come_here(web_client, built_in):
    for method, way, json in (
        ("GET", "/v1/admin/agents", None),
        ("POST", "/v1/admin/agents", {"name": "x"}),
        ("PATCH", built_in, {"name": "x"}),
        ("DELETE", built_in, None),
    ):
        assert (await web_client.ask(method, way, json=json))[0].status == 403
