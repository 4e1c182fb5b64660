import asyncio

import pytest


async def test_a_user_sees_and_relabels_the_own_team(web_client):
    response, body = await web_client.get("/v1/team")
    assert response.status == 200
    assert (body["id"], body["name"], body["label"]) == (web_client.teams["one"], "one", "One")
    response, body = await web_client.ask("PATCH", "/v1/team", json={"label": "The One"})
    assert (response.status, body["label"], body["name"]) == (200, "The One", "one")
    assert (await web_client.get("/v1/team", who="eve"))[1]["label"] == "Two"


async def test_a_user_cannot_rename_the_team_by_which_people_sign_in(web_client):
    response, body = await web_client.ask("PATCH", "/v1/team", json={"name": "best"})
    assert (response.status, body["code"]) == (400, "unknown_parameter")


async def test_a_change_of_a_state_that_is_gone_is_refused(web_client):
    response, _ = await web_client.get("/v1/team")
    read = {"If-Match": response.headers["ETag"]}
    path = "/v1/team"
    response, _ = await web_client.ask("PATCH", path, json={"label": "A"}, headers=read)
    assert response.status == 200
    second, body = await web_client.ask("PATCH", path, json={"label": "B"}, headers=read)
    assert (second.status, body["code"]) == (412, "precondition_failed")
    assert (await web_client.get(path))[1]["label"] == "A"
    known = {"If-None-Match": response.headers["ETag"]}
    assert (await web_client.get(path, headers=known))[0].status == 304


async def test_an_admin_makes_changes_and_deletes_a_team(web_client):
    made, body = await web_client.post("/v1/teams", {"name": "new", "label": "New"}, who="root")
    path = made.headers["Location"]
    assert (made.status, path) == (201, f"/v1/teams/{body['id']}")
    changed, body = await web_client.ask("PATCH", path, json={"name": "newer"}, who="root")
    assert (changed.status, body["name"], body["label"]) == (200, "newer", "New")
    shown, body = await web_client.get(path, who="root")
    assert (shown.headers["ETag"], body["name"]) == (changed.headers["ETag"], "newer")
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 204
    assert (await web_client.get(path, who="root"))[0].status == 404
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_two_teams_never_have_one_name(web_client, method):
    path = "/v1/teams" if method == "POST" else f"/v1/teams/{web_client.teams['two']}"
    body = {"name": "one", "label": "Again"}
    response, problem = await web_client.ask(method, path, json=body, who="root")
    assert (response.status, problem["code"], problem["param"]) == (409, "name_taken", "name")


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-a", "a_b", "ä", "a\n", "a" * 256])
async def test_a_name_that_people_could_mistype_is_refused(web_client, name):
    response, problem = await web_client.post("/v1/teams", {"name": name, "label": "L"}, who="root")
    assert (response.status, problem["errors"][0]["pointer"]) == (400, "#/name")


async def test_a_blank_label_is_refused(web_client):
    assert (await web_client.ask("PATCH", "/v1/team", json={"label": "  "}))[0].status == 400
    assert (await web_client.ask("PATCH", "/v1/team", json={"label": None}))[0].status == 400


async def test_a_team_that_still_has_rows_stays(web_client):
    await web_client.add_session()
    path = f"/v1/teams/{web_client.teams['one']}"
    response, problem = await web_client.ask("DELETE", path, who="root")
    assert (response.status, problem["code"]) == (409, "still_referenced")
    assert problem["detail"] == (
        "The team is still referred to (users: 2, agents: 1, sessions: 1, subscriptions: 1)."
    )
    assert (await web_client.get(path, who="root"))[0].status == 200


async def test_teams_are_listed_and_found_by_how_they_begin(web_client):
    for name in ("tea", "tea-time", "tx"):
        await web_client.add_team(name)
    _, body = await web_client.get("/v1/teams?order=asc&limit=3", who="root")
    assert [each["name"] for each in body["data"]] == ["one", "two", "tea"]
    assert body["has_more"] is True
    _, body = await web_client.get(f"/v1/teams?order=asc&after={body['last_id']}", who="root")
    assert [each["name"] for each in body["data"]] == ["tea-time", "tx"]
    _, body = await web_client.get("/v1/teams?name_prefix=tea", who="root")
    assert [each["name"] for each in body["data"]] == ["tea-time", "tea"]
    # It is a beginning, and no pattern.
    assert (await web_client.get("/v1/teams?name_prefix=%25", who="root"))[1]["data"] == []


async def test_users_do_none_of_it(web_client):
    own = f"/v1/teams/{web_client.teams['one']}"
    for method, path in (
        ("GET", "/v1/teams"),
        ("POST", "/v1/teams"),
        ("GET", own),
        ("PATCH", own),
        ("DELETE", own),
    ):
        response, problem = await web_client.ask(method, path)
        assert (response.status, problem["code"]) == (403, "admin_required")


async def test_users_who_are_made_while_their_team_goes_are_counted_or_refused(web_client):
    """Whoever comes first, no user is left without a team."""
    for round_number in range(8):
        name = f"short-lived-{round_number}"
        await web_client.add_team(name)
        path = f"/v1/teams/{web_client.teams[name]}"
        person = {"email": "a@b.example", "display_name": "A"}
        (made, _), (gone, _) = await asyncio.gather(
            web_client.post(f"{path}/users", person, who="root"),
            web_client.ask("DELETE", path, who="root"),
        )
        assert (made.status, gone.status) in {(201, 409), (404, 204)}
    orphans = "SELECT count(*) FROM users WHERE team_id NOT IN (SELECT id FROM team)"
    assert await web_client.run(orphans) == 0
