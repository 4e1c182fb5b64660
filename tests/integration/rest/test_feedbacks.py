import asyncio

import pytest


@pytest.fixture
async def bob(web_client):
    await web_client.add_user("bob", "one", "bob@one.example", None)


async def give(site, who="ada", **said):
    response, body = await site.post("/v1/feedbacks", said or {"rating": 4}, who=who)
    assert response.status == 201, body
    return body["id"]


async def test_a_user_says_what_a_session_was_like(web_client):
    session_id = await web_client.add_session()
    said = {"session_id": session_id, "rating": 5, "comment": "Good", "tags": ["speed", "voice"]}
    response, body = await web_client.post("/v1/feedbacks", said)
    assert (response.status, response.headers["Location"]) == (201, f"/v1/feedbacks/{body['id']}")
    assert said.items() <= body.items()
    # The session tells the agent.
    assert body["agent_id"] == web_client.agents["Ava"]
    assert body["user_id"] == web_client.users["ada"]
    shown, again = await web_client.get(response.headers["Location"])
    assert again == body
    assert "ETag" in shown.headers


async def test_a_feedback_about_an_agent_or_about_nothing(web_client):
    response, body = await web_client.post(
        "/v1/feedbacks", {"agent_id": web_client.agents["Own"], "rating": 1}
    )
    assert (response.status, body["agent_id"], body["session_id"]) == (
        201,
        web_client.agents["Own"],
        None,
    )
    _, body = await web_client.post("/v1/feedbacks", {"tags": ["idea"]})
    assert (body["agent_id"], body["rating"], body["comment"]) == (None, None, None)


async def test_a_feedback_refers_to_nothing_that_the_team_has_not(web_client):
    foreign = await web_client.add_session("eve", "Other")
    for about, param in (
        ({"session_id": foreign}, "session_id"),
        ({"session_id": 10**9}, "session_id"),
        ({"agent_id": web_client.agents["Other"]}, "agent_id"),
    ):
        response, problem = await web_client.post("/v1/feedbacks", {**about, "rating": 1})
        assert (response.status, problem["param"]) == (404, param)
    assert await web_client.run("SELECT count(*) FROM feedbacks") == 0


async def test_the_agent_of_a_session_is_not_for_the_client_to_choose(web_client):
    session_id = await web_client.add_session()
    asked = {"session_id": session_id, "agent_id": web_client.agents["Own"], "rating": 1}
    response, problem = await web_client.post("/v1/feedbacks", asked)
    assert (response.status, problem["param"]) == (400, "agent_id")
    asked["agent_id"] = web_client.agents["Ava"]
    assert (await web_client.post("/v1/feedbacks", asked))[0].status == 201


async def test_an_agent_who_is_deleted_still_had_the_session(web_client):
    session_id = await web_client.add_session()
    await web_client.run("UPDATE ai_agents SET deleted_at = now()")
    feedback_id = await give(web_client, session_id=session_id, rating=2)
    _, body = await web_client.get(f"/v1/feedbacks/{feedback_id}")
    assert body["agent_id"] == web_client.agents["Ava"]


@pytest.mark.parametrize(
    "said",
    [
        *({}, {"comment": ""}, {"tags": []}, {"rating": 0}, {"rating": 6}, {"rating": 2.5}),
        *({"rating": True}, {"comment": "x" * 4001}, {"tags": ["x"] * 21}, {"tags": [""]}),
        *({"tags": ["x" * 65]}, {"rating": 1, "user_id": 1}, {"rating": 1, "team_id": 1}),
    ],
)
async def test_what_says_nothing_or_too_much_is_refused(web_client, said):
    assert (await web_client.post("/v1/feedbacks", said))[0].status == 400


async def test_a_team_reads_its_feedbacks_by_what_they_are_about(web_client, bob):
    session_id = await web_client.add_session()
    first = await give(web_client, session_id=session_id, rating=5)
    second = await give(web_client, "bob", rating=5)
    third = await give(web_client, "bob", session_id=session_id, rating=1)
    await give(web_client, "eve", rating=5)

    async def found(query, **more):
        _, body = await web_client.get(f"/v1/feedbacks?order=asc{query}", **more)
        return [each["id"] for each in body["data"]]

    assert await found("") == [first, second, third]
    assert await found("&rating=5") == [first, second]
    assert await found(f"&session_id={session_id}") == [first, third]
    assert await found(f"&user_id={web_client.users['bob']}&rating=1") == [third]
    assert await found("&limit=1") == [first]


async def test_its_author_changes_a_feedback_and_what_was_not_sent_stays(web_client):
    session_id = await web_client.add_session()
    feedback_id = await give(web_client, session_id=session_id, rating=5, comment="Good")
    path = f"/v1/feedbacks/{feedback_id}"
    response, _ = await web_client.get(path)
    read = {"If-Match": response.headers["ETag"]}
    response, body = await web_client.ask("PATCH", path, json={"rating": 3}, headers=read)
    assert (response.status, body["rating"], body["comment"]) == (200, 3, "Good")
    assert body["session_id"] == session_id
    response, _ = await web_client.ask("PATCH", path, json={"rating": 1}, headers=read)
    assert response.status == 412
    _, body = await web_client.ask("PATCH", path, json={"comment": None})
    assert (body["rating"], body["comment"]) == (3, None)
    response, _ = await web_client.ask("PATCH", path, json={"rating": None})
    assert response.status == 422
    assert (await web_client.get(path))[1]["rating"] == 3


async def test_nobody_but_its_author_and_admins_changes_a_feedback(web_client, bob):
    path = f"/v1/feedbacks/{await give(web_client, rating=5)}"
    for method in ("PATCH", "DELETE"):
        body = {"rating": 1} if method == "PATCH" else None
        assert (await web_client.ask(method, path, who="bob", json=body))[0].status == 403
        # An admin who is a user of the team is one of its users there.
        assert (await web_client.ask(method, path, who="root", json=body))[0].status == 403
        assert (await web_client.ask(method, path, who="eve", json=body))[0].status == 404
    assert (await web_client.get(path, who="bob"))[1]["rating"] == 5
    acting = path.replace("/v1/", f"/v1/teams/{web_client.teams['one']}/")
    response, body = await web_client.ask("PATCH", acting, who="root", json={"rating": 2})
    assert (response.status, body["rating"]) == (200, 2)
    assert (await web_client.ask("DELETE", acting, who="root"))[0].status == 204
    assert (await web_client.get(path))[0].status == 404


async def test_its_author_deletes_a_feedback(web_client):
    path = f"/v1/feedbacks/{await give(web_client, rating=5)}"
    assert (await web_client.ask("DELETE", path))[0].status == 204
    assert (await web_client.ask("DELETE", path))[0].status == 404


async def test_admins_read_the_feedbacks_of_all_teams(web_client):
    first, second = await give(web_client), await give(web_client, "eve", rating=1)
    _, body = await web_client.get("/v1/admin/feedbacks", who="root")
    assert [each["id"] for each in body["data"]] == [second, first]
    _, body = await web_client.get("/v1/admin/feedbacks?rating=4&order=asc", who="root")
    assert [each["id"] for each in body["data"]] == [first]
    team = web_client.teams["two"]
    _, body = await web_client.get(f"/v1/admin/feedbacks?team_id={team}", who="root")
    assert [each["id"] for each in body["data"]] == [second]
    assert (await web_client.get("/v1/admin/feedbacks"))[0].status == 403


async def test_what_another_writer_kept_is_shown_as_far_as_it_fits(web_client):
    feedback_id = await web_client.run(
        "INSERT INTO feedbacks (team_id, user_id, data) VALUES ($1, $2, $3) RETURNING id",
        web_client.teams["one"],
        web_client.users["ada"],
        {"rating": "five", "comment": 7, "tags": ["a", 1], "session_id": True, "more": {}},
    )
    response, body = await web_client.get(f"/v1/feedbacks/{feedback_id}")
    assert response.status == 200
    assert (body["rating"], body["comment"], body["tags"]) == (None, None, ["a"])
    assert body["session_id"] is None
    # And kept, when its author changes the rest.
    await web_client.ask("PATCH", f"/v1/feedbacks/{feedback_id}", json={"rating": 5})
    data = await web_client.run("SELECT data FROM feedbacks WHERE id = $1", feedback_id)
    assert (data["more"], data["rating"]) == ({}, 5)


async def test_a_feedback_given_while_its_author_goes_is_counted_or_refused(web_client):
    for number in range(6):
        who = f"brief{number}"
        await web_client.add_user(who, "one", f"{who}@one.example", None)
        token = {"Authorization": f"Bearer {await web_client.token(who)}"}
        path = f"/v1/teams/{web_client.teams['one']}/users/{web_client.users[who]}"
        (given, _), (gone, _) = await asyncio.gather(
            web_client.post("/v1/feedbacks", {"rating": 1}, who=None, headers=token),
            web_client.ask("DELETE", path, who="root"),
        )
        assert (given.status, gone.status) in {(201, 409), (401, 204)}
    orphans = "SELECT count(*) FROM feedbacks WHERE user_id NOT IN (SELECT id FROM users)"
    assert await web_client.run(orphans) == 0
