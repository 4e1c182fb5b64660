"""Opening a socket: every way in, and every refusal as a plain HTTP status."""

import asyncio
import shutil
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import WSServerHandshakeError

from tests.realtime import Talk
from voicehub.errors import StorageError

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def refused(site, query="model=Ava", *, who="ada", token=None, headers=None):
    """Status, headers and error code of a handshake that must fail."""
    proof = token if token is not None else await site.token(who)
    sent = {**UPGRADE, "Authorization": f"Bearer {proof}", **(headers or {})}
    async with site.client.get(f"/v1/realtime?{query}", headers=sent) as response:
        assert response.status != 101
        body = await response.json()
    return response.status, response.headers, body["error"]["code"]


async def statuses(site):
    async with site.pg.connection() as conn:
        records = await conn.fetch("SELECT status FROM sessions ORDER BY id")
    return [record["status"] for record in records]


@pytest.mark.parametrize("reference", ["Ava", "id", "agent_id"])
async def test_the_model_names_an_agent_by_name_or_id(site, reference):
    ava = site.agents["Ava"]
    model = {"Ava": "Ava", "id": str(ava), "agent_id": f"agent_{ava}"}[reference]
    talk = await site.talk(f"model={model}")
    session = talk.of("session.created")[0]["session"]
    assert session["voicehub"]["agent_id"] == ava
    assert session["model"] == model
    assert (await site.row(talk.session_id))["status"] == "in_progress"
    await talk.close()
    assert (await site.over(talk.session_id))["status"] == "completed"


async def test_a_browser_shows_its_token_as_a_subprotocol(site):
    token = await site.token()
    socket = await site.client.ws_connect(
        "/v1/realtime?model=Ava", protocols=["realtime", f"openai-insecure-api-key.{token}"]
    )
    assert socket.protocol == "realtime"
    assert token not in str(socket._response.headers)
    await Talk(socket).until("session.created")
    await socket.close()


async def test_a_client_secret_opens_its_session_and_no_other(site):
    created, other = await site.create(), await site.create()
    secret = created["client_secret"]["value"]
    query = f"session_id={other['id']}"
    assert (await refused(site, query, token=secret))[::2] == (403, "forbidden")
    talk = await site.talk("", token=secret)
    assert talk.session_id == created["id"]
    await talk.close()
    await site.over(created["id"])
    assert (await refused(site, "", token=secret))[::2] == (409, "session_not_open")


async def test_a_secret_in_openais_shape_opens_a_session(site):
    body = {"session": {"type": "realtime", "model": "Ava"}}
    made = await site.ask("POST", "/v1/realtime/client_secrets", json=body)
    talk = await site.talk("model=gpt-realtime", token=made["value"])
    assert f"sess_{talk.session_id}" == made["session"]["id"]
    await talk.close()


async def test_who_has_no_proof_is_refused(site):
    for token in ("", "nonsense", "ek_nonsense"):
        status, _, code = await refused(site, token=token)
        assert (status, code) in {(401, "missing_api_key"), (401, "invalid_api_key")}


async def test_what_is_not_there_or_not_ones_own_is_404(site, subtests):
    ours = await site.create()
    theirs = await site.ask("POST", "/v1/sessions", who="eve", json={"agent": "Ava"})
    huge = "9" * 5000
    for who, query in (
        ("bob", f"session_id={ours['id']}"),
        ("ada", f"session_id={theirs['id']}"),
        ("ada", "session_id=sess_999999"),
        ("ada", "session_id="),
        ("ada", "session_id=-1"),
        ("ada", "session_id=1e3"),
        ("ada", "session_id=%D9%A1"),
        ("ada", f"session_id={huge}"),
        ("ada", f"session_id={'0' * 5000}1"),
        ("ada", "session_id=99999999999999999999"),
        ("ada", "model=Nobody"),
        ("ada", "model=Theirs"),
        ("ada", f"model=agent_{site.agents['Theirs']}"),
        ("ada", f"model={huge}"),
        ("ada", "model=%00"),
    ):
        with subtests.test(query[:40]):
            assert (await refused(site, query, who=who))[0] == 404


async def test_the_beta_and_other_kinds_of_session_are_refused(site, subtests):
    for query, headers, code in (
        ("model=Ava", {"OpenAI-Beta": "realtime=v1"}, "beta_not_supported"),
        ("", {}, "missing_required_parameter"),
        ("intent=transcription", {}, "invalid_value"),
        ("call_id=call_1", {}, "invalid_value"),
        ("model=Ava", {"Sec-WebSocket-Protocol": "chat"}, "subprotocol_not_supported"),
    ):
        with subtests.test(code):
            assert (await refused(site, query, headers=headers))[::2] == (400, code)


async def test_a_token_in_an_offer_that_is_refused_is_not_logged(site, caplog, capsys):
    token = await site.token()
    offer = {"Sec-WebSocket-Protocol": f"openai-insecure-api-key.{token}"}
    assert (await refused(site, headers=offer))[0] == 400
    assert token not in caplog.text + "".join(capsys.readouterr())


async def test_pages_of_other_origins_are_refused(new_site, subtests):
    site = await new_site(VOICEHUB_ALLOWED_ORIGINS="https://app.example")
    for origin in ("https://evil.example", "null", "http://[", "https://app.example.evil", "x"):
        with subtests.test(origin):
            answered = await refused(site, headers={"Origin": origin})
            assert answered[::2] == (403, "origin_not_allowed")
    own = str(site.client.make_url("")).rstrip("/")
    for origin in ("https://app.example", own):
        talk = await site.talk(origin=origin)
        await talk.close()


async def test_a_session_is_opened_once(site):
    talk = await site.talk()
    query = f"session_id={talk.session_id}"
    assert (await refused(site, query))[::2] == (409, "session_not_open")
    await talk.close()
    await site.over(talk.session_id)
    assert (await refused(site, query))[::2] == (409, "session_not_open")


async def test_without_a_plan_or_with_a_used_up_one_nobody_enters(site):
    created = await site.create()
    await site.run("UPDATE subscriptions SET total_text_tokens_used = 1000000")
    for query in ("model=Ava", f"session_id={created['id']}"):
        assert (await refused(site, query))[::2] == (403, "insufficient_quota")
    await site.run("UPDATE subscriptions SET total_text_tokens_used = 0, status = 'expired'")
    for query in ("model=Ava", f"session_id={created['id']}"):
        assert (await refused(site, query))[::2] == (403, "insufficient_quota")


async def test_a_plan_beyond_all_counting_lets_people_in(site):
    await site.run("UPDATE plans SET max_audio_tokens = 1e30, max_text_tokens = 1e15")
    talk = await site.talk()
    await talk.close()


async def test_the_limits_of_open_sessions_are_answered_with_429(new_site):
    site = await new_site(VOICEHUB_SESSIONS_PER_USER=1, VOICEHUB_SESSIONS_PER_TEAM=2)
    first = await site.talk()
    status, headers, code = await refused(site)
    assert (status, code) == (429, "session_limit_exceeded")
    assert int(headers["Retry-After"]) > 0
    second = await site.talk(who="bob")
    await first.close()
    await site.over(first.session_id)
    again = await site.talk()
    for talk in (second, again):
        await talk.close()


async def test_sessions_created_long_ago_do_not_go_round_the_limit(new_site):
    site = await new_site(VOICEHUB_SESSIONS_PER_USER=1)
    created = []
    for _ in range(2):
        created.append(await site.create())
        await site.run("UPDATE sessions SET created_at = created_at - interval '1 day'")
    talk = await site.talk(f"session_id={created[0]['id']}")
    assert (await refused(site, f"session_id={created[1]['id']}"))[0] == 429
    await talk.close()


async def test_an_engine_that_is_not_configured_leaves_no_session_behind(site):
    answered = await refused(site, "model=Broken")
    assert answered[::2] == (502, "engine_not_configured")
    (status,) = await statuses(site)
    assert status == "failed"


async def test_a_spool_that_cannot_be_written_refuses_with_503(site, tmp_path):
    spool = tmp_path / "spool"
    shutil.rmtree(spool)
    spool.write_text("in the way")
    assert (await refused(site))[::2] == (503, "storage_unavailable")
    row = await site.row(1)
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "engine")
    assert row["data"]["recording"]["state"] == "empty"
    spool.unlink()


async def test_postgres_away_refuses_with_503_and_redis_away_does_not(site, monkeypatch):
    @asynccontextmanager
    async def gone(_postgres):
        raise StorageError("Postgres is away.")
        yield

    token = await site.token()
    with monkeypatch.context() as away:
        away.setattr("voicehub.storage.postgres.Postgres.connection", gone)
        assert (await refused(site, token=token))[::2] == (503, "storage_unavailable")

    async def fail(_redis, command):
        command.close()
        raise StorageError("Redis is away.")

    with monkeypatch.context() as away:
        away.setattr("voicehub.storage.redis.Redis.within_deadline", fail)
        talk = await site.talk()
        await talk.close()
        row = await site.over(talk.session_id)
    assert row["status"] == "completed"


async def test_what_asks_for_no_websocket_is_told_to_upgrade(site):
    headers = {"Authorization": f"Bearer {await site.token()}"}
    async with site.client.get("/v1/realtime?model=Ava", headers=headers) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")
    async with site.client.get("/v1/realtime?model=Ava") as response:
        assert response.status == 401
    assert await statuses(site) == []


async def test_a_stock_websocket_client_sees_the_status(site):
    with pytest.raises(WSServerHandshakeError) as refusal:
        await site.talk("model=Nobody")
    assert refusal.value.status == 404


async def test_two_sockets_for_one_session_do_not_both_open(site):
    created = await site.create()
    query = f"session_id={created['id']}"
    answers = await _at_once(site, query, 4)
    assert sorted(answers) == [101, 409, 409, 409]


async def _at_once(site, query, count):
    proof = {"Authorization": f"Bearer {await site.token()}"}

    async def attempt():
        try:
            socket = await site.client.ws_connect(f"/v1/realtime?{query}", headers=proof)
        except WSServerHandshakeError as refusal:
            return refusal.status
        assert orjson.loads((await socket.receive()).data)["type"] == "session.created"
        await socket.close()
        return 101

    return await asyncio.gather(*(attempt() for _ in range(count)))
