"""A deploy: the server stops taking sessions, and ends its own when their turn ends."""

import asyncio

from structlog.testing import capture_logs

from tests.realtime import Talk
from voicehub.keys import REGISTRY, TELEMETRY
from voicehub.live.registry import STATES
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn

USAGE = duration_usage(0, 200, 3, 0)


async def test_a_drain_lets_the_turn_end_and_asks_the_client_to_come_back(site):
    talk = await site.talk()
    await site.engine.begin_reply(1)
    await site.engine.speak(1, 200)
    await talk.until("response.output_audio.delta")
    draining = spawn(site.drain(30), name="drain")
    proof = {"Authorization": f"Bearer {await site.token('bob')}"}
    with capture_logs() as logs:
        async with site.client.get("/v1/realtime?model=Ava", headers=proof) as refusal:
            assert refusal.status == 503
            assert int(refusal.headers["Retry-After"]) > 0
    assert "error" not in {line["log_level"] for line in logs}, "it is as it should be"
    assert not draining.done()
    await site.engine.end_reply(1, "Good bye.", usage=USAGE)
    assert await talk.until_closed() == 1012
    assert talk.kinds[-2:] == ["response.done", "error"]
    assert talk.errors == ["server_draining"]
    assert talk.of("response.done")[0]["response"]["status"] == "completed"
    await draining
    row = await site.row(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "drain")
    assert row["usage"]["audio_tokens"] == 4
    assert [line["transcript"] for line in row["data"]["transcript"]] == ["Good bye."]
    assert row["data"]["recording"]["state"] == "ready"


async def test_at_the_deadline_a_turn_is_broken_off_but_nothing_is_lost(site):
    talk = await site.talk()
    await site.engine.begin_reply(1)
    await site.engine.speak(1, 200)
    await talk.until("response.output_audio.delta")
    draining = spawn(site.drain(0.1), name="drain")
    assert await talk.until_closed() == 1012
    await draining
    assert talk.of("response.done")[0]["response"]["status"] == "cancelled"
    row = await site.row(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "drain")


async def test_a_session_that_is_opening_is_drained_as_well(site, monkeypatch):
    registry = site.app[REGISTRY]
    await registry.drain(0)
    registry._draining = False
    opened = site.app[REGISTRY].driving

    def drain_first(driver):
        registry._draining = True
        return opened(driver)

    monkeypatch.setattr(registry, "driving", drain_first)
    socket = await site.client.ws_connect(
        "/v1/realtime?model=Ava", headers={"Authorization": f"Bearer {await site.token()}"}
    )
    talk = Talk(socket)
    assert await talk.until_closed() == 1012
    assert talk.kinds == ["error"]
    row = await site.over(await site.run("SELECT max(id) FROM sessions"))
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "drain")


async def test_a_server_that_shuts_down_drains(new_site):
    site = await new_site()
    talk = await site.talk()
    closing = spawn(site.client.server.close(), name="shutdown")
    assert await talk.until_closed() == 1012
    await closing
    row = await site.row(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "drain")
    assert row["data"]["recording"]["state"] in {"ready", "empty"}


async def test_it_tells_in_which_states_its_sessions_are(new_site):
    site = await new_site(VOICEHUB_GRACE_S=30)
    registry, telemetry = site.app[REGISTRY], site.app[TELEMETRY]

    def states():
        return {state: count for (state,), count in registry.states().items() if count}

    assert set(registry.states()) == {(state,) for state in STATES}
    assert states() == {}
    talk = await site.greeted()
    assert states() == {"open": 1}
    assert registry.settlement_lag_s()[()] > 0
    talk.cut()
    async with asyncio.timeout(15):
        while states() != {"away": 1}:
            await site.row(talk.session_id)
    back = await site.talk(f"session_id={talk.session_id}", protocols=["voicehub.v1"])
    assert states() == {"open": 1}
    await back.send("voicehub.session.pause")
    await back.until("voicehub.session.paused")
    async with asyncio.timeout(15):
        while states() != {"paused": 1}:
            await site.row(talk.session_id)
    assert registry.settlement_lag_s() == {(): 0.0}
    await back.close()
    await site.over(talk.session_id)
    assert states() == {}
    assert telemetry.legs_started.value("new") == 1
    assert telemetry.legs_ended.value("paused", "asked") == 1
    for direction in ("from_client", "to_client"):
        assert telemetry.frames.value(direction) > 0
        assert telemetry.frame_bytes.value(direction) > 0
    for hop in ("socket_to_core", "core_to_socket"):
        assert telemetry.hops.cell(hop).count > 0
