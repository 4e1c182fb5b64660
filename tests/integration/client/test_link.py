"""The client comes back by itself, to the same server or to another."""

import pytest

from tests.integration.client.conftest import announce
from tests.realtime import STEP_S_MAX
from voicehub.client import Lost, Reconnected, ReplyLostError, SessionEndedError
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn

USAGE = duration_usage(0, 1_000, 5, 0)
AUDIO = "response.output_audio.delta"


def spoken(row):
    return [line["transcript"] for line in row["data"]["transcript"]]


async def test_a_reply_goes_on_where_the_connection_broke(exchange):
    site = exchange.sites[0]
    line = await exchange.line()
    await announce(site.engine, 1)
    await site.engine.speak(1, 200)
    await site.engine.speak(1, 100)
    await line.talk.wait_for(AUDIO, where=lambda body: body["audio_ms"] == 100)
    replying = spawn(line.talk.reply(since=0), name="reply")
    exchange.proxy.cut()
    await site.engine.speak(1, 150)
    await line.told(Reconnected)
    await site.engine.speak(1, 50)
    await site.engine.end_reply(1, "All of it.", usage=USAGE)
    assert (await replying).status == "completed"
    assert line.talk.speaker.heard_ms("reply_1") == 500
    lost, back = line.notices[:2]
    assert lost == Lost(1006)
    assert isinstance(back, Reconnected)
    assert back.is_continued
    assert back.resumed_after_s < STEP_S_MAX
    # Audio as binary has no id of its own; of the others each came once.
    ids = [event.body["event_id"] for event in line.events if "event_id" in event.body]
    assert len(ids) == len(set(ids))
    assert sum(event.body.get("audio_ms", 0) for event in line.events) == 500
    await exchange.hang_up()
    row = await site.over(line.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    assert spoken(row) == ["All of it."]


async def test_it_comes_back_as_often_as_it_must(exchange):
    site = exchange.sites[0]
    line = await exchange.line()
    for number in (1, 2, 3):
        exchange.proxy.cut()
        await line.told(Reconnected, number)
        await announce(site.engine, number)
        await site.engine.speak(number, 100)
        await site.engine.end_reply(number, f"Reply {number}.", usage=USAGE)
        done = await line.talk.wait_for(
            "response.done",
            where=lambda body, name=f"resp_{number}": body["response"]["id"] == name,
        )
        assert done.body["response"]["status"] == "completed"
    assert line.of_connection.count("Lost") == 3


async def test_another_server_takes_over_and_what_was_under_way_is_told_to_be_gone(exchange):
    site, other = exchange.sites
    line = await exchange.line()
    await announce(site.engine, 1)
    await site.engine.speak(1, 200)
    await line.talk.wait_for(AUDIO)
    replying = spawn(line.talk.reply(since=0), name="reply")
    exchange.switch(other)
    exchange.proxy.cut()
    with pytest.raises(ReplyLostError, match="another server"):
        await replying
    assert not line.notices[1].is_continued
    await announce(other.engine, 2)
    await other.engine.speak(2, 300)
    await other.engine.end_reply(2, "Here.", usage=USAGE)
    # Asked as before, what never ended is passed over. And item 1 is another one now.
    reply = await line.talk.reply(since=0)
    assert reply.response["id"] == "resp_2"
    assert line.talk.speaker.heard_ms("reply_2") == 300
    await exchange.hang_up()
    row = await other.over(line.session_id)
    assert (row["status"], spoken(row)) == ("completed", ["Here."])


async def test_a_server_that_drains_sends_its_client_to_another(exchange):
    site, other = exchange.sites
    line = await exchange.line()
    await site.engine.reply(1, "Before.", usage=USAGE)
    await line.talk.wait_for("response.done")
    exchange.switch(other)
    await site.drain(2.0)
    await line.told(Reconnected)
    assert line.of_connection.count("Lost") == 1
    assert Lost(1012) in line.notices
    await other.engine.reply(2, "After.", usage=USAGE)
    await line.talk.wait_for("response.done", where=lambda body: body["response"]["id"] == "resp_2")
    await exchange.hang_up()
    row = await other.over(line.session_id)
    assert (row["status"], spoken(row)) == ("completed", ["Before.", "After."])
    assert row["usage"]["responses"] == 2


async def test_a_server_that_is_away_is_waited_for(exchange):
    line = await exchange.line()
    await exchange.proxy.refuse()
    await line.told(Lost)
    sending = spawn(line.talk.send("response.create"), name="send")
    await exchange.proxy.accept()
    await sending
    await exchange.sites[0].engine.until_taken("response.create")


async def test_a_session_that_is_over_is_not_come_back_to(exchange, new_site):
    impatient = await new_site(VOICEHUB_GRACE_S=0)
    exchange.switch(impatient)
    line = await exchange.line()
    waiting = spawn(line.talk.reply(since=0), name="reply")
    exchange.proxy.cut()
    assert await line.talk.ended() == 1006
    with pytest.raises(SessionEndedError, match="1006"):
        await waiting
    with pytest.raises(SessionEndedError, match=r"response\.create"):
        await line.talk.send("response.create")
    assert line.of_connection == ["Lost"]


async def test_who_is_replaced_stays_away(exchange):
    session = await (await exchange.api()).open_session("Ava")
    line = await exchange.line(session)
    await exchange.line(session)
    assert await line.talk.ended() == 1008
    assert line.of_connection == []


async def test_a_session_that_is_ended_by_rest_is_over(exchange):
    line = await exchange.line()
    api = await exchange.api()
    row = await api.end(line.session_id)
    assert row["status"] == "completed"
    assert await line.talk.ended() == 1008
    assert line.of_connection == []
