"""Pause and resume by event, and what outlives the socket."""

import asyncio

import pytest

from tests.realtime import STEP_S_MAX, Puppet
from voicehub.errors import EngineError
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn

USAGE = duration_usage(0, 1_000, 5, 0)
PAUSE, RESUME = "voicehub.session.pause", "voicehub.session.resume"


@pytest.fixture
async def site(new_site):
    return await new_site(VOICEHUB_GRACE_S=30)


async def paused(site, talk):
    await talk.send(PAUSE)
    await talk.until("voicehub.session.paused")
    return await site.until(talk.session_id, lambda row: row["status"] == "paused")


def spoken(row):
    return [line["transcript"] for line in row["data"]["transcript"]]


async def released(site, session_id, team="one"):
    key = f"{{team:{site.teams[team]}}}:session:{session_id}:lease"
    async with asyncio.timeout(STEP_S_MAX):
        while await site.raw_redis.exists(key):
            pass


async def test_a_pause_keeps_everything_and_releases_the_engine(site):
    talk = await site.greeted()
    row = await paused(site, talk)
    assert spoken(row) == ["Hello."]
    assert row["usage"]["responses"] == 1
    assert await site.used() == (20, 5)
    await site.engine.closed.wait()
    await released(site, talk.session_id)


async def test_the_same_socket_goes_on_after_the_pause(site):
    talk = await site.greeted()
    row = await paused(site, talk)
    await talk.send(RESUME)
    resumed = await talk.until("voicehub.session.resumed")
    assert resumed["session"]["voicehub"]["session_id"] == talk.session_id
    told = await site.engine.until_taken("conversation.item.create")
    assert told.body["item"]["content"][0]["text"] == "Hello."
    await site.engine.begin_reply(2)
    await site.engine.end_reply(2, "Again.", usage=USAGE)
    await talk.until("response.done")
    await talk.close()
    ended = await site.over(talk.session_id)
    assert (ended["status"], spoken(ended)) == ("completed", ["Hello.", "Again."])
    assert ended["usage"]["responses"] == 2
    # The clock stood still meanwhile.
    assert ended["data"]["legs"][1]["at_ms"] == row["data"]["paused_at_ms"]


async def test_what_is_sent_in_a_pause_is_answered_clearly(site):
    talk = await site.greeted()
    await paused(site, talk)
    await talk.send("response.create", event_id="mine")
    error = (await talk.until("error"))["error"]
    assert (error["code"], error["event_id"]) == ("session_paused", "mine")
    await talk.raw(b"no json")
    assert (await talk.until("error"))["error"]["code"] != "session_paused"
    await talk.socket.send_bytes(b"\0\0")
    await talk.send(RESUME)
    await talk.until("voicehub.session.resumed")


async def test_a_pause_outlives_its_socket_and_its_process(site, new_site):
    talk = await site.greeted()
    await paused(site, talk)
    await talk.close()
    await site.over(talk.session_id)
    other = await new_site(VOICEHUB_GRACE_S=30)
    again = await other.talk(f"session_id={talk.session_id}")
    assert again.of("session.created")[0]["session"]["voicehub"]["resumed"] is True
    assert (await other.row(talk.session_id))["status"] == "in_progress"
    await again.close()
    row = await other.over(talk.session_id)
    assert (row["status"], spoken(row)) == ("completed", ["Hello."])


async def test_a_drain_closes_the_socket_of_a_pause_and_leaves_it_paused(site):
    talk = await site.greeted()
    await paused(site, talk)
    closed = spawn(talk.until_closed(), name="client")
    await site.drain(1.0)
    assert await closed == 1012
    assert (await site.row(talk.session_id))["status"] == "paused"


async def test_a_socket_that_is_paused_for_too_long_is_closed(new_site):
    site = await new_site(VOICEHUB_GRACE_S=30, VOICEHUB_SESSION_IDLE_S=1)
    talk = await site.greeted()
    await paused(site, talk)
    assert await talk.until_closed() == 1001
    assert (await site.row(talk.session_id))["status"] == "paused"


async def test_an_engine_that_does_not_open_leaves_the_pause_where_it_was(site, monkeypatch):
    talk = await site.greeted()
    row = await paused(site, talk)
    await talk.close()
    await site.over(talk.session_id)

    async def fail(*_arguments):
        raise EngineError("No.")

    with monkeypatch.context() as failing:
        failing.setattr(Puppet, "open", fail)
        again = await site.client.ws_connect(
            f"/v1/realtime?session_id={talk.session_id}",
            headers={"Authorization": f"Bearer {await site.token()}"},
        )
        while not again.closed:
            await again.receive()
    after = await site.over(talk.session_id)
    assert after["status"] == "paused"
    assert after["data"]["paused_at_ms"] == row["data"]["paused_at_ms"] > 0
    assert round(after["duration_minutes"] - row["duration_minutes"], 4) == 0


async def test_who_asks_to_go_on_at_once_is_heard(site):
    talk = await site.greeted()
    for _ in range(3):
        await talk.send(PAUSE)
        await talk.send(RESUME)
        await talk.until("voicehub.session.resumed")
    await talk.close()
    row = await site.over(talk.session_id)
    assert (row["status"], spoken(row), len(row["data"]["legs"])) == ("completed", ["Hello."], 4)
