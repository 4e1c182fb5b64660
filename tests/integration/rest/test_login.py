import argon2

from voicehub.auth import attempts

PASSWORD = "correct horse battery staple"


def credentials(email="ada@one.example", password=PASSWORD, **more):
    return {"email": email, "password": password, **more}


async def test_the_right_password_gives_a_token_that_works(web_client):
    response, body = await web_client.post("/v1/auth/login", credentials(), who=None)
    assert response.status == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["user"] == {
        "object": "user",
        "id": web_client.users["ada"],
        "email": "ada@one.example",
        "display_name": "Ada",
        "is_admin": False,
        "team": {"id": web_client.teams["one"], "name": "one", "label": "One"},
    }
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    response, me = await web_client.get("/v1/me", who=None, headers=headers)
    assert (response.status, me["id"]) == (200, web_client.users["ada"])


async def test_the_case_of_an_address_does_not_matter(web_client):
    response, _ = await web_client.post(
        "/v1/auth/login", credentials(" ADA@One.Example "), who=None
    )
    assert response.status == 200


async def test_wrong_logins_get_one_answer_whatever_is_wrong(web_client):
    await web_client.add_user("google", "one", "google@one.example", None)
    answers = []
    for wrong in (
        credentials(password="wrong"),
        credentials("nobody@one.example"),
        credentials(team="two"),
        credentials("google@one.example"),
    ):
        response, body = await web_client.post("/v1/auth/login", wrong, who=None)
        del body["request_id"]
        answers.append((response.status, body))
    assert answers[0][0] == 401
    assert answers[0][1]["code"] == "invalid_credentials"
    assert answers == answers[:1] * 4


async def test_one_password_in_two_teams_asks_which(web_client, password_hash):
    await web_client.add_user("ada2", "two", "ada@one.example", password_hash)
    response, body = await web_client.post("/v1/auth/login", credentials(), who=None)
    assert (response.status, body["code"]) == (409, "team_required")
    assert body["teams"] == [{"name": "one", "label": "One"}, {"name": "two", "label": "Two"}]
    response, body = await web_client.post("/v1/auth/login", credentials(team="two"), who=None)
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada2"])


async def test_different_passwords_in_two_teams_tell_the_teams_apart(web_client):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    await web_client.add_user("ada2", "two", "ada@one.example", cheap.hash("another"))
    response, body = await web_client.post(
        "/v1/auth/login", credentials(password="another"), who=None
    )
    assert (response.status, body["user"]["id"]) == (200, web_client.users["ada2"])


async def test_a_cheap_hash_is_renewed_at_login(web_client):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    await web_client.add_user("old", "one", "old@one.example", cheap.hash("another"))
    for _ in range(2):
        response, _ = await web_client.post(
            "/v1/auth/login", credentials("old@one.example", "another"), who=None
        )
        assert response.status == 200
    renewed = await web_client.run(
        "SELECT password_hash FROM users WHERE id = $1", web_client.users["old"]
    )
    assert not argon2.PasswordHasher().check_needs_rehash(renewed)


async def test_hostile_logins_are_a_clear_400(web_client, subtests):
    for wrong in (
        {},
        credentials(email=5),
        credentials(email=""),
        credentials(email="a" * 256),
        credentials(email="a\0b"),
        credentials(password=None),
        credentials(password="x" * 1025),
        credentials(password="a\0b"),
        credentials(team=["one"]),
        credentials(remember=True),
    ):
        with subtests.test(str(wrong)[:60]):
            response, body = await web_client.post("/v1/auth/login", wrong, who=None)
            assert response.status == 400
            assert "correct horse" not in str(body)


async def test_guessing_is_stopped_and_a_right_password_forgets_the_guesses(
    web_client, monkeypatch
):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ADDRESS_MAX", 3)

    async def try_with(password):
        response, _ = await web_client.post(
            "/v1/auth/login", credentials(password=password), who=None
        )
        return response

    for password, status in (
        *(("wrong", 401), ("wrong", 401), (PASSWORD, 200)),
        *(("wrong", 401), ("wrong", 401), ("wrong", 401), ("wrong", 429)),
    ):
        assert (await try_with(password)).status == status
    refused = await try_with(PASSWORD)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "900")
