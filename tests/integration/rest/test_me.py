async def test_a_user_sees_who_they_are_and_what_the_plan_has(web_client):
    await web_client.run("UPDATE subscriptions SET total_audio_tokens_used = 12.5")
    response, body = await web_client.get("/v1/me")
    assert response.status == 200
    assert body["email"] == "ada@one.example"
    assert body["is_admin"] is False
    assert body["team"]["name"] == "one"
    subscription = body["subscription"]
    assert subscription["status"] == "active"
    assert subscription["plan"]["max_audio_tokens"] == 1000
    assert subscription["total_audio_tokens_used"] == 12.5
    assert subscription["current_period_end"].endswith("Z")
    assert "password_hash" not in str(body)


async def test_the_latest_current_subscription_counts(web_client):
    latest = await web_client.add_subscription("one", status="free", maximum=7)
    await web_client.run(
        "UPDATE subscriptions SET current_period_start = now() - interval '1 hour' WHERE id = $1",
        latest,
    )
    _, body = await web_client.get("/v1/me")
    assert (body["subscription"]["id"], body["subscription"]["plan"]["max_text_tokens"]) == (
        latest,
        7,
    )


async def test_an_admin_is_named_by_configuration(web_client):
    assert (await web_client.get("/v1/me", who="root"))[1]["is_admin"] is True


async def test_a_team_without_a_subscription_has_none(web_client):
    await web_client.run("DELETE FROM subscriptions")
    assert (await web_client.get("/v1/me"))[1]["subscription"] is None


async def test_the_token_of_a_deleted_user_is_refused(web_client):
    token = await web_client.token("ada")
    await web_client.run("DELETE FROM users WHERE email = 'ada@one.example'")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await web_client.get("/v1/me", who=None, headers=headers))[0].status == 401


async def test_a_user_changes_the_own_name_and_settings(web_client):
    settings = {"theme": "dark", "panes": {"left": 1, "right": 2}, "zoom": 1.5}
    response, body = await web_client.ask(
        "PATCH", "/v1/me", json={"display_name": "Ada L.", "settings": settings}
    )
    assert (response.status, body["display_name"], body["settings"]) == (200, "Ada L.", settings)
    # Two open pages do not overwrite each other's preferences.
    _, body = await web_client.ask(
        "PATCH", "/v1/me", json={"settings": {"theme": None, "panes": {"left": 3}}}
    )
    assert body["settings"] == {"panes": {"left": 3}, "zoom": 1.5}
    assert body["display_name"] == "Ada L."
    assert (await web_client.get("/v1/me"))[1] == body
    assert (await web_client.get("/v1/me", who="root"))[1]["settings"] == {}


async def test_a_user_changes_nothing_else_of_the_own_row(web_client):
    for sent in (
        {"email": "root@one.example"},
        {"team_id": 2},
        {"password_hash": "x"},
        {"google_id": "x"},
        {"id": 1},
        {"is_admin": True},
    ):
        response, problem = await web_client.ask("PATCH", "/v1/me", json=sent)
        assert (response.status, problem["code"]) == (400, "unknown_parameter")


async def test_settings_are_bounded_however_many_requests_fill_them(web_client):
    half = {"settings": {"a": "x" * 9000}}
    assert (await web_client.ask("PATCH", "/v1/me", json=half))[0].status == 200
    more = {"settings": {"b": "x" * 9000}}
    response, problem = await web_client.ask("PATCH", "/v1/me", json=more)
    assert (response.status, problem["param"]) == (422, "settings")
    assert set((await web_client.get("/v1/me"))[1]["settings"]) == {"a"}


async def test_a_blank_name_is_refused(web_client):
    for name in ("", "   ", None, 7):
        assert (await web_client.ask("PATCH", "/v1/me", json={"display_name": name}))[
            0
        ].status == 400


async def test_who_is_gone_changes_nothing(web_client):
    token = await web_client.token("ada")
    await web_client.run("DELETE FROM users WHERE email = 'ada@one.example'")
    headers = {"Authorization": f"Bearer {token}"}
    response, _ = await web_client.ask("PATCH", "/v1/me", json={}, who=None, headers=headers)
    assert response.status == 401
