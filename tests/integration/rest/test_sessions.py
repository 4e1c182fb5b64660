import asyncio

import pytest

from voicehub.storage import lines, quota

LINE = {"transcript": "hello", "timestamp": "2026-03-01T12:00:00Z", "speaker": "user"}


async def test_a_session_is_created_with_a_secret_that_opens_it(web_client):
    response, body = await web_client.post(
        "/v1/sessions", {"agent_id": web_client.agents["Ava"], "context": {"name": "Ada"}}
    )
    assert response.status == 201
    assert response.headers["Location"] == f"/v1/sessions/{body['id']}"
    assert body["status"] == "created"
    assert body["agent_id"] == web_client.agents["Ava"]
    assert body["user_id"] == web_client.users["ada"]
    assert body["data"] == {"audio_url": None, "transcript": [], "context": {"name": "Ada"}}
    assert body["usage"] == {"audio_tokens": 0, "text_tokens": 0}
    assert body["url"] == f"wss://voice.example/v1/realtime?session_id={body['id']}"
    secret = body["client_secret"]["value"]
    response, who = await web_client.get(
        "/v1/realtime", who=None, headers={"Authorization": f"Bearer {secret}"}
    )
    assert who == {"user": web_client.users["ada"], "session": body["id"]}


@pytest.mark.parametrize("form", ["{id}", "agent_{id}", "Own"])
async def test_an_agent_may_be_named_by_id_or_name(web_client, form):
    reference = form.format(id=web_client.agents["Own"])
    response, body = await web_client.post("/v1/sessions", {"agent": reference})
    assert response.status == 201
    assert body["agent_id"] == web_client.agents["Own"]


async def test_a_teams_own_agent_comes_before_a_built_in_of_the_same_name(web_client):
    own = await web_client.add_agent("Ava", "one")
    _, body = await web_client.post("/v1/sessions", {"agent": "Ava"})
    assert body["agent_id"] == own


async def test_an_agent_that_a_team_cannot_see_does_not_exist(web_client, subtests):
    for reference in ("nobody", "agent_0", "9" * 19, "9" * 200, "Other", "1.0", "\u0661"):
        with subtests.test(reference):
            response, body = await web_client.post("/v1/sessions", {"agent": reference})
            assert (response.status, body["code"]) == (404, "agent_not_found")


async def test_another_teams_or_a_deleted_agents_id_does_not_exist(web_client):
    await web_client.run("UPDATE ai_agents SET deleted_at = now() WHERE name = 'Own'")
    for name in ("Other", "Own"):
        response, _ = await web_client.post("/v1/sessions", {"agent_id": web_client.agents[name]})
        assert response.status == 404


HOSTILE_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"{}",
    b'{"agent_id": "1"}',
    b'{"agent_id": 1.5}',
    b'{"agent_id": true}',
    b'{"agent_id": -1}',
    b'{"agent_id": 9223372036854775808}',
    b'{"agent_id": 1e400}',
    b'{"agent_id": NaN}',
    b'{"agent": ""}',
    b'{"agent": "Ava", "agent_id": 1}',
    b'{"agent": "Ava", "surprise": 1}',
    b'{"agent": "A\\u0000"}',
    b'{"agent": "\\ud800"}',
    b'{"agent": "\xff"}',
    b'{"agent": "Ava", "context": []}',
    b'{"agent": "Ava", "context": {"a": "\\u0000"}}',
    b'{"agent": "Ava", "context": {"\\u0000": 1}}',
    b'{"agent": "Ava", "context": {"a": "\\udfff"}}',
    b'{"agent": "Ava", "context": {"a": NaN}}',
    b'{"agent": "Ava", "context": {"a": 1e400}}',
    b'{"agent": "Ava", "context": {"a": 123456789012345678901234567890}}',
    b'{"agent": "Ava", "context": {"a": 18446744073709551615}}',
    b'{"agent": "Ava", "context": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}",
    b'{"agent": "Ava", "context": {"a": ' + b"[" * 90000 + b"]" * 90000 + b"}}",
    b'{"agent": "Ava", "context": {"a": "' + b"x" * 40000 + b'"}}',
]


async def test_a_hostile_body_is_a_clear_400(web_client, subtests):
    for raw in HOSTILE_BODIES:
        with subtests.test(repr(raw[:60])):
            response, body = await web_client.ask(
                "POST", "/v1/sessions", data=raw, headers={"Content-Type": "application/json"}
            )
            assert response.status == 400
            assert response.content_type == "application/problem+json"
            assert body["detail"]
    assert await web_client.run("SELECT count(*) FROM sessions") == 0


async def test_a_fault_names_its_field(web_client, subtests):
    for json, code, param in (
        ({}, "missing_required_parameter", None),
        ({"agent": "Ava", "surprise": 1}, "unknown_parameter", "surprise"),
        ({"agent_id": "x"}, "invalid_value", "agent_id"),
    ):
        with subtests.test(code):
            _, body = await web_client.post("/v1/sessions", json)
            assert (body["code"], body.get("param")) == (code, param)


async def test_two_creations_at_once_do_not_pass_the_limit_together(web_client):
    answers = await asyncio.gather(
        *(web_client.post("/v1/sessions", {"agent": "Ava"}) for _ in range(8))
    )
    statuses = sorted(response.status for response, _ in answers)
    assert statuses == [201] * 2 + [429] * 6
    refused = next(response for response, _ in answers if response.status == 429)
    assert int(refused.headers["Retry-After"]) > 0


async def test_the_limit_of_a_team_holds_over_its_users(web_client):
    answers = await asyncio.gather(
        *(
            web_client.post("/v1/sessions", {"agent": "Ava"}, who=who)
            for who in ("ada", "root", "ada", "root")
        )
    )
    assert sorted(response.status for response, _ in answers) == [201, 201, 201, 429]
    response, _ = await web_client.post("/v1/sessions", {"agent": "Ava"}, who="eve")
    assert response.status == 201


async def test_ended_and_forgotten_sessions_hold_no_slot_and_paused_ones_do(web_client):
    for status in ("completed", "failed"):
        await web_client.add_session(status=status)
    forgotten = await web_client.add_session(status="created")
    await web_client.run(
        "UPDATE sessions SET created_at = now() - interval '1 day' WHERE id = $1", forgotten
    )
    await web_client.add_session(status="paused")
    assert (await web_client.post("/v1/sessions", {"agent": "Ava"}))[0].status == 201
    assert (await web_client.post("/v1/sessions", {"agent": "Ava"}))[0].status == 429


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM subscriptions",
        "UPDATE subscriptions SET status = 'cancelled'",
        "UPDATE subscriptions SET status = 'expired'",
        "UPDATE subscriptions SET current_period_end = now(), cancel_at_period_end = true",
        "UPDATE subscriptions SET current_period_end = now() - interval '1 hour'",
        "UPDATE subscriptions SET current_period_start = now() + interval '1 hour'",
        "UPDATE subscriptions SET total_audio_tokens_used = 1000",
        "UPDATE subscriptions SET total_text_tokens_used = 1000.5",
    ],
)
async def test_without_quota_no_session_is_created(web_client, change):
    await web_client.run(change)
    response, body = await web_client.post("/v1/sessions", {"agent": "Ava"})
    assert (response.status, body["code"]) == (403, "insufficient_quota")
    assert await web_client.run("SELECT count(*) FROM sessions") == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE subscriptions SET current_period_start = NULL, current_period_end = NULL",
        "UPDATE subscriptions SET status = 'free', total_audio_tokens_used = NULL",
        "UPDATE subscriptions SET total_audio_tokens_used = 999.999999",
    ],
)
async def test_a_subscription_without_end_or_with_a_rest_is_enough(web_client, change):
    await web_client.run(change)
    assert (await web_client.post("/v1/sessions", {"agent": "Ava"}))[0].status == 201


async def test_tokens_of_running_sessions_count_before_they_are_settled(web_client, redis):
    key = quota.quota_key(web_client.teams["one"])
    await redis.client.hset(key, mapping={"live_audio": 999_999_999})
    assert (await web_client.post("/v1/sessions", {"agent": "Ava"}))[0].status == 201
    await redis.client.hset(key, mapping={"live_audio": 1_000_000_000})
    response, body = await web_client.post("/v1/sessions", {"agent": "Ava"})
    assert (response.status, body["code"]) == (403, "insufficient_quota")


async def test_a_deleted_user_creates_nothing(web_client):
    token = await web_client.token("ada")
    await web_client.run("DELETE FROM users WHERE email = 'ada@one.example'")
    response, _ = await web_client.post(
        "/v1/sessions", {"agent": "Ava"}, who=None, headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status == 401


async def test_a_session_shows_folded_and_waiting_lines_in_order(web_client, redis):
    first, second, third = (
        {**LINE, "item_id": f"item_{number}", "order": number} for number in (1, 2, 3)
    )
    session_id = await web_client.add_session(
        status="in_progress", data={"transcript": [first, second], "fence": 1, "folded": {}}
    )
    team_id = web_client.teams["one"]
    # The second line was folded and is still in Redis, as after a fold that just happened.
    for sequence, line in ((2, second), (3, third)):
        await lines.append(redis, team_id, session_id, 1, sequence, line)
    response, body = await web_client.get(f"/v1/sessions/{session_id}")
    assert response.status == 200
    assert body["data"]["transcript"] == [first, second, third]
    assert body["is_transcript_complete"] is True
    assert not {"fence", "folded"} & body["data"].keys()


async def test_lines_of_other_writers_are_shown_as_they_are(web_client):
    session_id = await web_client.add_session(data={"transcript": [{"transcript": "old"}]})
    _, body = await web_client.get(f"/v1/sessions/{session_id}")
    assert body["data"]["transcript"] == [{"transcript": "old"}]


NO_IDS = ["0", "999999", "-1", "9" * 19, "9" * 40, "x", "1.0", "%00", "%FF", "%D9%A1"]


async def test_an_id_of_nothing_is_404(web_client, subtests):
    for session_id in NO_IDS:
        with subtests.test(session_id):
            response, body = await web_client.get(f"/v1/sessions/{session_id}")
            assert (response.status, body["code"]) == (404, "not_found")


async def test_another_teams_session_does_not_exist(web_client):
    session_id = await web_client.add_session(who="eve")
    assert (await web_client.get(f"/v1/sessions/{session_id}"))[0].status == 404
    assert (await web_client.get(f"/v1/sessions/{session_id}", who="eve"))[0].status == 200
    assert (await web_client.get("/v1/sessions"))[1]["data"] == []


async def test_colleagues_see_the_teams_sessions(web_client):
    session_id = await web_client.add_session(who="root")
    assert (await web_client.get(f"/v1/sessions/{session_id}"))[0].status == 200


async def test_a_list_shows_the_newest_first_and_no_transcripts(web_client):
    ids = [await web_client.add_session(data={"transcript": [LINE]}) for _ in range(3)]
    response, body = await web_client.get("/v1/sessions")
    assert response.status == 200
    assert [session["id"] for session in body["data"]] == ids[::-1]
    assert all("transcript" not in session["data"] for session in body["data"])
    assert body["object"] == "list"
    assert (body["first_id"], body["last_id"], body["has_more"]) == (ids[2], ids[0], False)


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_cursors_walk_the_list_there_and_back(web_client, order):
    ids = [await web_client.add_session() for _ in range(5)]
    expected = ids if order == "asc" else ids[::-1]
    there, query = [], f"?limit=2&order={order}"
    while True:
        _, body = await web_client.get("/v1/sessions" + query)
        there += [session["id"] for session in body["data"]]
        if not body["has_more"]:
            break
        query = f"?limit=2&order={order}&after={body['last_id']}"
    assert there == expected
    _, body = await web_client.get(f"/v1/sessions?limit=2&order={order}&before={expected[4]}")
    assert [session["id"] for session in body["data"]] == expected[2:4]
    assert body["has_more"] is True
    _, body = await web_client.get(f"/v1/sessions?order={order}&before={expected[0]}")
    assert (body["data"], body["first_id"], body["has_more"]) == ([], None, False)
    _, body = await web_client.get(
        f"/v1/sessions?order={order}&after={expected[0]}&before={expected[4]}"
    )
    assert [session["id"] for session in body["data"]] == expected[1:4]


async def test_a_list_is_filtered_by_status_and_agent(web_client):
    wanted = await web_client.add_session(status="failed", agent="Own")
    await web_client.add_session(status="failed", agent="Ava")
    await web_client.add_session(status="completed", agent="Own")
    agent_id = web_client.agents["Own"]
    _, body = await web_client.get(f"/v1/sessions?status=failed&agent_id={agent_id}")
    assert [session["id"] for session in body["data"]] == [wanted]


WRONG_QUERIES = [
    "limit=0",
    "limit=101",
    "limit=x",
    "limit=1&limit=2",
    "order=up",
    "after=x",
    "after=-1",
    "after=9223372036854775808",
    "before=1e3",
    "status=gone",
    "status=%00",
    "status=%FF",
    "agent_id=" + "9" * 5000,
    "surprise=1",
]


async def test_a_wrong_query_is_a_clear_400(web_client, subtests):
    for query in WRONG_QUERIES:
        with subtests.test(query[:40]):
            response, body = await web_client.get(f"/v1/sessions?{query}")
            assert response.status == 400
            assert body["detail"]
