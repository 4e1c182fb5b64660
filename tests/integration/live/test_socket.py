"""Opening a socket: every way in, and every refusal as a plain HTTP status."""

import asyncio
import shutil
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import ClientError, WSServerHandshakeError, web

from tests.realtime import Talk
from voicehub.errors import StorageError
from voicehub.live.finale import Finale


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
    assert (await site.refused(query, token=secret))[::2] == (403, "forbidden")
    talk = await site.talk("", token=secret)
    assert talk.session_id == created["id"]
    await talk.close()
    await site.over(created["id"])
    assert (await site.refused("", token=secret))[::2] == (409, "session_not_open")


async def test_a_secret_in_openais_shape_opens_a_session(site):
    body = {"session": {"type": "realtime", "model": "Ava"}}
    made = await site.ask("POST", "/v1/realtime/client_secrets", json=body)
    talk = await site.talk("model=gpt-realtime", token=made["value"])
    assert f"sess_{talk.session_id}" == made["session"]["id"]
    await talk.close()


async def test_who_has_no_proof_is_refused(site):
    for token in ("", "nonsense", "ek_nonsense"):
        status, _, code = await site.refused(token=token)
        assert (status, code) in {(401, "missing_api_key"), (401, "invalid_api_key")}


async def test_a_token_in_an_offer_that_is_refused_is_not_logged(site, caplog, capsys):
    token = await site.token()
    offer = {"Sec-WebSocket-Protocol": f"openai-insecure-api-key.{token}"}
    assert (await site.refused(headers=offer))[0] == 400
    assert token not in caplog.text + "".join(capsys.readouterr())


async def test_an_engine_that_is_not_configured_leaves_no_session_behind(site):
    answered = await site.refused("model=Broken")
    assert answered[::2] == (502, "engine_not_configured")
    (status,) = await statuses(site)
    assert status == "failed"


async def test_settings_of_an_agent_that_make_no_sense_are_left_out(site):
    odd = '{"engine": "puppet", "client_may": 5, "session": "loud"}'
    await site.run("UPDATE ai_agents SET settings = $1 WHERE name = 'Ava'", orjson.loads(odd))
    talk = await site.talk()
    assert talk.of("session.created")[0]["session"]["voicehub"]["client_may"] == []
    await talk.close()


async def test_a_spool_that_cannot_be_written_refuses_with_503(site, tmp_path):
    spool = tmp_path / "spool"
    shutil.rmtree(spool)
    spool.write_text("in the way")
    assert (await site.refused())[::2] == (503, "storage_unavailable")
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
        assert (await site.refused(token=token))[::2] == (503, "storage_unavailable")

    async def fail(_redis, command, **_):
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


async def test_a_client_that_leaves_before_its_session_begins_leaves_one_line(
    site, monkeypatch, caplog
):
    put_away = asyncio.Event()
    run, prepare = Finale.run, web.WebSocketResponse.prepare

    async def gone(self, request):
        request.transport.abort()
        return await prepare(self, request)

    async def noted(self):
        await run(self)
        put_away.set()

    monkeypatch.setattr(web.WebSocketResponse, "prepare", gone)
    monkeypatch.setattr(Finale, "run", noted)
    with pytest.raises(ClientError):
        await site.talk()
    async with asyncio.timeout(10):
        await put_away.wait()
    assert await statuses(site) == ["failed"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_client_that_leaves_as_it_comes_back_may_come_again(new_site, monkeypatch, caplog):
    site = await new_site(VOICEHUB_GRACE_S=30)
    talk = await site.talk()
    query = f"session_id={talk.session_id}"
    prepare = web.WebSocketResponse.prepare

    async def gone(self, request):
        request.transport.abort()
        return await prepare(self, request)

    with monkeypatch.context() as leaving:
        leaving.setattr(web.WebSocketResponse, "prepare", gone)
        with pytest.raises(ClientError):
            await site.talk(query)
    again = await site.talk(query)
    await again.close()
    assert (await site.over(talk.session_id))["status"] == "completed"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
