async def test_a_team_sees_what_admins_did_to_it_and_to_no_other(web_client):
    one, two = web_client.teams["one"], web_client.teams["two"]
    for team in (one, two):
        await web_client.ask("PATCH", f"/v1/teams/{team}", json={"label": "L"}, who="root")
    await web_client.post("/v1/teams", {"name": "three", "label": "T"}, who="root")
    _, body = await web_client.get("/v1/audit")
    (entry,) = body["data"]
    assert (entry["team_id"], entry["method"], entry["route"]) == (
        one,
        "PATCH",
        "/v1/teams/{team_id}",
    )
    assert (entry["target"], entry["status"]) == ({"team_id": str(one)}, 200)
    assert entry["actor"] == f"user:{web_client.users['root']}"
    assert entry["actor_email"] == "root@one.example"
    _, mirrored = await web_client.get(f"/v1/teams/{two}/audit", who="root")
    assert [each["team_id"] for each in mirrored["data"]] == [two]


async def test_admins_see_all_of_it_the_platforms_own_too(web_client):
    one = web_client.teams["one"]
    await web_client.ask("PATCH", f"/v1/teams/{one}", json={"label": "L"}, who="root")
    await web_client.post("/v1/teams", {"name": "three", "label": "T"}, who="root")
    _, body = await web_client.get("/v1/admin/audit", who="root")
    assert [each["team_id"] for each in body["data"]] == [None, one]
    _, body = await web_client.get(f"/v1/admin/audit?team_id={one}&order=asc", who="root")
    assert [each["team_id"] for each in body["data"]] == [one]
    _, body = await web_client.get("/v1/admin/audit?actor=service:x", who="root")
    assert body["data"] == []
    assert (await web_client.get("/v1/admin/audit"))[0].status == 403


async def test_what_was_done_to_a_team_outlives_it(web_client):
    _, team = await web_client.post("/v1/teams", {"name": "brief", "label": "B"}, who="root")
    await web_client.ask("DELETE", f"/v1/teams/{team['id']}", who="root")
    _, body = await web_client.get(f"/v1/admin/audit?team_id={team['id']}", who="root")
    assert [(each["method"], each["status"]) for each in body["data"]] == [("DELETE", 204)]
