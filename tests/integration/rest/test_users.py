import asyncio

import pytest

from tests.integration.rest.conftest import PASSWORD
from voicehub import keys

PERSON = {"email": "Grace@One.example", "display_name": "Grace"}


def path_of(site, who, team="one"):
    return f"/v1/teams/{site.teams[team]}/users/{site.users[who]}"


def users_of(site, team="one"):
    return f"/v1/teams/{site.teams[team]}/users"


async def test_a_team_sees_its_users_and_no_secret_of_theirs(web_client):
    await web_client.run(
        "UPDATE users SET google_id = 'g-77-' || id, settings = '{\"mood\": \"blue\"}'"
    )
    response, body = await web_client.get("/v1/users?order=asc")
    assert response.status == 200
    ada, root = body["data"]
    assert (ada["email"], ada["is_admin"], root["is_admin"]) == ("ada@one.example", False, True)
    assert (ada["has_password"], ada["has_google"]) == (True, True)
    for secret in ("argon2", "'g-", "blue"):
        assert secret not in str(body)
    _, one = await web_client.get(f"/v1/users/{ada['id']}")
    assert one == ada


async def test_another_teams_user_does_not_exist(web_client):
    path = f"/v1/users/{web_client.users['eve']}"
    assert (await web_client.get(path))[0].status == 404
    foreign = f"/v1/teams/{web_client.teams['one']}/users/{web_client.users['eve']}"
    for method, path in (
        ("GET", foreign),
        ("PATCH", foreign),
        ("DELETE", foreign),
        ("POST", f"{foreign}/anonymize"),
    ):
        body = {"display_name": "X"} if method == "PATCH" else None
        assert (await web_client.ask(method, path, json=body, who="root"))[0].status == 404
    assert await web_client.run("SELECT display_name FROM users WHERE email ~ '^eve'") == "Eve"


async def test_an_admin_makes_a_user_who_can_sign_in(web_client):
    asked = {**PERSON, "password": "a horse with a battery"}
    response, body = await web_client.post(users_of(web_client), asked, who="root")
    assert response.status == 201
    assert response.headers["Location"] == f"{users_of(web_client)}/{body['id']}"
    assert (body["email"], body["has_password"]) == ("grace@one.example", True)
    login = {"email": "GRACE@one.example", "password": asked["password"]}
    assert (await web_client.post("/v1/auth/login", login, who=None))[0].status == 200


async def test_a_user_without_a_password_cannot_sign_in_with_one(web_client):
    _, body = await web_client.post(users_of(web_client), PERSON, who="root")
    assert body["has_password"] is False
    login = {"email": PERSON["email"], "password": "guess"}
    assert (await web_client.post("/v1/auth/login", login, who=None))[0].status == 401


@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "a@b,c@d", "<a@b>", "a@b;c"),
        *("a\u00a0@b", "a\x7f@b", "a@Invalid", "a" * 250 + "@b.cde"),
    ],
)
async def test_what_is_no_address_is_refused(web_client, email):
    asked = {**PERSON, "email": email}
    response, problem = await web_client.post(users_of(web_client), asked, who="root")
    assert (response.status, problem["errors"][0]["pointer"]) == (400, "#/email")


async def test_one_address_is_two_users_in_two_teams_and_one_in_a_team(web_client):
    for team, status in (("one", 201), ("one", 409), ("two", 201)):
        response, body = await web_client.post(users_of(web_client, team), PERSON, who="root")
        assert response.status == status
        if status == 409:
            assert (body["code"], body["param"]) == ("email_taken", "email")


async def test_of_two_users_with_one_address_at_once_one_is_made(web_client):
    found = await asyncio.gather(
        *(web_client.post(users_of(web_client), PERSON, who="root") for _ in range(4))
    )
    assert sorted(response.status for response, _ in found) == [201, 409, 409, 409]
    count = "SELECT count(*) FROM users WHERE email = 'grace@one.example'"
    assert await web_client.run(count) == 1


async def test_two_users_who_change_to_one_address_at_once_do_not_share_it(web_client):
    await web_client.add_user("bob", "one", "bob@one.example", None)
    found = await asyncio.gather(
        *(
            web_client.ask("PATCH", path_of(web_client, who), json={"email": "x@y.z"}, who="root")
            for who in ("ada", "bob")
        )
    )
    assert sorted(response.status for response, _ in found) == [200, 409]


async def test_an_admin_changes_what_was_sent_and_no_more(web_client):
    await web_client.run("UPDATE users SET settings = '{\"a\": 1}'")
    path = path_of(web_client, "ada")
    response, _ = await web_client.get(path, who="root")
    read = {"If-Match": response.headers["ETag"]}
    response, body = await web_client.ask(
        "PATCH", path, json={"email": "Ada@New.example"}, who="root", headers=read
    )
    assert (response.status, body["email"]) == (200, "ada@new.example")
    assert (body["display_name"], body["has_password"]) == ("Ada", True)
    assert await web_client.run(
        "SELECT settings FROM users WHERE id = $1", web_client.users["ada"]
    ) == {"a": 1}
    response, _ = await web_client.ask(
        "PATCH", path, json={"display_name": "X"}, who="root", headers=read
    )
    assert response.status == 412


async def test_users_create_change_and_remove_nobody(web_client):
    own, path = users_of(web_client), path_of(web_client, "ada")
    for method, where in (
        *(("POST", own), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/anonymize")),
        ("GET", "/v1/admin/users"),
    ):
        response, problem = await web_client.ask(method, where)
        assert (response.status, problem["code"]) == (403, "admin_required")
    assert (await web_client.post("/v1/users", PERSON))[0].status == 405


async def test_a_user_whom_rows_refer_to_is_not_deleted(web_client):
    await web_client.add_session()
    await web_client.run("UPDATE ai_agents SET creator_id = $1", web_client.users["ada"])
    path = path_of(web_client, "ada")
    response, problem = await web_client.ask("DELETE", path, who="root")
    assert (response.status, problem["code"]) == (409, "still_referenced")
    assert problem["detail"].startswith(
        "The user is still referred to (sessions: 1, agents: 3). Anonymize"
    )


async def test_a_user_whom_nothing_refers_to_is_deleted(web_client):
    path = path_of(web_client, "ada")
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 204
    assert (await web_client.ask("DELETE", path, who="root"))[0].status == 404


async def test_who_leaves_is_anonymized_and_what_refers_to_them_stays(web_client):
    session_id = await web_client.add_session()
    await web_client.run("UPDATE users SET google_id = 'g-' || id, settings = '{\"a\": 1}'")
    path = path_of(web_client, "ada")
    for _ in range(2):
        response, body = await web_client.post(f"{path}/anonymize", who="root")
        assert response.status == 200
        assert body["email"] == f"deleted-{web_client.users['ada']}@invalid"
        assert (body["display_name"], body["has_password"], body["has_google"]) == (
            "Deleted user",
            False,
            False,
        )
    assert "ada" not in str(
        await web_client.run("SELECT users::text FROM users WHERE id = $1", body["id"])
    )
    _, session = await web_client.get(f"/v1/sessions/{session_id}", who="root")
    assert session["user_id"] == body["id"]
    # The address is free for whoever comes next.
    asked = {"email": "ada@one.example", "display_name": "Another Ada"}
    assert (await web_client.post(users_of(web_client), asked, who="root"))[0].status == 201


async def test_a_weak_password_is_refused(web_client):
    for password in ("short", "grace@ONE.example"):
        asked = {**PERSON, "password": password}
        response, problem = await web_client.post(users_of(web_client), asked, who="root")
        assert (response.status, problem["errors"][0]["pointer"]) == (400, "#/password")


@pytest.mark.parametrize("act", ["anonymize", "delete", "readdress"])
async def test_who_is_gone_or_has_another_address_signs_in_anew(web_client, app, act):
    login = {"email": "ada@one.example", "password": PASSWORD}
    _, signed_in = await web_client.post("/v1/auth/login", login, who=None)
    path = path_of(web_client, "ada")
    method, where, body = {
        "anonymize": ("POST", f"{path}/anonymize", None),
        "delete": ("DELETE", path, None),
        "readdress": ("PATCH", path, {"email": "ada@new.example"}),
    }[act]
    response, _ = await web_client.ask(method, where, json=body, who="root")
    assert response.status in {200, 204}
    again = {"refresh_token": signed_in["refresh_token"]}
    response, _ = await web_client.post("/v1/auth/refresh", again, who=None)
    assert response.status == 401
    assert not await app[keys.REDIS].client.keys(f"*user:{web_client.users['ada']}*")


async def test_an_admin_finds_an_address_in_all_teams(web_client):
    await web_client.add_user("eve2", "one", "eve@two.example", None)
    _, body = await web_client.get("/v1/admin/users?email=EVE@two.example", who="root")
    assert [each["id"] for each in body["data"]] == [
        web_client.users["eve2"],
        web_client.users["eve"],
    ]
    team = web_client.teams["two"]
    _, body = await web_client.get(f"/v1/admin/users?team_id={team}", who="root")
    assert [each["email"] for each in body["data"]] == ["eve@two.example"]
    _, body = await web_client.get("/v1/admin/users?limit=2&order=asc", who="root")
    assert ([each["display_name"] for each in body["data"]], body["has_more"]) == (
        ["Ada", "Root"],
        True,
    )


async def test_a_session_that_is_made_while_its_user_goes_is_counted_or_refused(web_client):
    for number in range(6):
        who = f"brief{number}"
        await web_client.add_user(who, "one", f"{who}@one.example", None)
        token = {"Authorization": f"Bearer {await web_client.token(who)}"}
        (made, _), (gone, _) = await asyncio.gather(
            web_client.post("/v1/sessions", {"agent": "Ava"}, who=None, headers=token),
            web_client.ask("DELETE", path_of(web_client, who), who="root"),
        )
        assert (made.status, gone.status) in {(201, 409), (401, 204)}
        await web_client.run("UPDATE sessions SET status = 'completed'")
    orphans = "SELECT count(*) FROM sessions WHERE user_id NOT IN (SELECT id FROM users)"
    assert await web_client.run(orphans) == 0


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM users WHERE id = $1",
        "UPDATE users SET email = 'former@one.example' WHERE id = $1",
    ],
)
async def test_an_admin_who_is_gone_is_none_from_that_moment(web_client, change):
    token = {"Authorization": f"Bearer {await web_client.token('root')}"}
    for path in ("/v1/teams", f"/v1/teams/{web_client.teams['one']}"):
        assert (await web_client.get(path, who=None, headers=token))[0].status == 200
    await web_client.run(change, web_client.users["root"])
    for path in ("/v1/teams", f"/v1/teams/{web_client.teams['one']}"):
        assert (await web_client.get(path, who=None, headers=token))[0].status == 401
