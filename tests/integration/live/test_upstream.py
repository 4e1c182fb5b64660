"""The whole server with an upstream behind it: scripted, or another VoiceHub."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

import orjson
import pytest

from tests.realtime import BYTES_PER_MS, Talk
from tests.upstream import Provider

SPEECH_100_MS = b"\1\0" * (100 * BYTES_PER_MS // 2)


async def add_agent(site, name: str, **settings) -> None:
    await site.run(
        "INSERT INTO ai_agents (name, persona_prompt, system_prompt, is_built_in, settings)"
        " VALUES ($1, 'secret persona', 'secret prompt', true, $2) RETURNING id",
        name,
        settings,
    )


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    running = Provider()
    await running.server.start_server()
    yield running
    await running.close()


@pytest.fixture
async def cloud(new_site, provider):
    """A server whose agent `Cloud` speaks by the scripted upstream."""
    engines = {"cloud": {"url": provider.url, "model": "model-1"}}
    site = await new_site(VOICEHUB_ENGINES=orjson.dumps(engines).decode())
    await add_agent(site, "Cloud", engine="cloud")
    return SimpleNamespace(site=site, provider=provider)


async def opened(cloud):
    """A client's talk, and the upstream's side of it."""
    proof = await cloud.site.token()
    connecting = cloud.site.client.ws_connect(
        "/v1/realtime?model=Cloud", headers={"Authorization": f"Bearer {proof}"}
    )
    socket = await connecting
    line = await cloud.provider.connection()
    await line.greet()
    talk = Talk(socket)
    await talk.until("session.created")
    return talk, line


async def test_a_response_that_the_upstream_broke_off_is_billed_by_its_duration(cloud):
    talk, line = await opened(cloud)
    await line.user_turn("user_1", "Tell me about the sea.")
    await line.begin_reply(1, "The sea is")
    await talk.until("response.output_audio.delta")
    line.abort()
    done = (await talk.until("response.done"))["response"]
    assert done["status"] == "failed"
    assert done["usage"]["output_token_details"]["audio_tokens"] == 20
    line = await cloud.provider.connection()
    await line.greet()
    await line.reply(2, "Once more.")
    await talk.until("response.done")
    await talk.close()
    row = await cloud.site.over(talk.session_id)
    assert row["status"] == "completed"
    lines = [(line["transcript"], line["interrupted"]) for line in row["data"]["transcript"]]
    assert lines == [
        ("Tell me about the sea.", False),
        ("The sea is", True),
        ("Once more.", True),  # the client left while it was spoken
    ]
    assert talk.kinds.count("session.created") == 1


async def test_a_dead_upstream_ends_the_session_as_failed_with_everything_kept(cloud):
    talk, line = await opened(cloud)
    for _ in range(5):
        await talk.append(SPEECH_100_MS)
        await line.until("input_audio_buffer.append")
    await line.user_turn("user_1", "Are you there?")
    await line.begin_reply(1, "I am")
    await talk.until("response.output_audio.delta")
    cloud.provider.refuse(401)
    line.abort()
    assert await talk.until_closed() == 1011
    assert talk.errors == ["engine_failed"]
    row = await cloud.site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("failed", "engine")
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Are you there?", "I am"]
    assert row["data"]["recording"]["state"] == "ready"
    assert row["usage"]["user_audio_seconds"] == 0.5


async def test_the_upstreams_quota_is_not_the_clients(cloud):
    talk, line = await opened(cloud)
    error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "org-7"}
    await line.say("error", error=error)
    assert await talk.until_closed() == 1011
    assert talk.errors == ["engine_failed"]
    assert "org-7" not in str(talk.seen)


async def test_an_upstream_that_does_not_open_is_named(cloud):
    cloud.provider.refuse(403)
    proof = await cloud.site.token()
    socket = await cloud.site.client.ws_connect(
        "/v1/realtime?model=Cloud", headers={"Authorization": f"Bearer {proof}"}
    )
    error = orjson.loads((await socket.receive()).data)["error"]
    assert error["message"] == "The engine 'cloud' refuses this server's key (HTTP 403)."
    assert (await socket.receive()).data == 1011


async def test_a_voicehub_may_stand_behind_a_voicehub(new_site, monkeypatch):
    behind = await new_site()
    await add_agent(behind, "Parrot", engine="echo", client_may=["instructions"])
    address = behind.client.make_url("/v1/realtime").with_scheme("ws")
    monkeypatch.setenv("HUB_KEY", await behind.token("bob"))
    hub = {"hub": {"url": str(address), "model": "Parrot", "key_env": "HUB_KEY"}}
    front = await new_site(VOICEHUB_ENGINES=orjson.dumps(hub).decode())
    await add_agent(front, "Relayed", engine="hub")
    talk = await front.talk("model=Relayed")
    for _ in range(50):
        await talk.append(SPEECH_100_MS)
    done = await talk.until("response.done")
    assert done["response"]["status"] == "completed"
    assert len(talk.of("response.output_audio.delta")) == 50
    assert talk.of("session.created")[0]["session"]["instructions"] == ""
    await talk.close()
    row = await front.over(talk.session_id)
    assert row["status"] == "completed"
    assert row["usage"]["agent_audio_seconds"] == 5
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["You said this."]
    assert row["usage"]["audio_tokens"] > 0
