"""The subprotocol voicehub.v1 on the real server: who asks gets it, and nobody else notices it."""

from decimal import Decimal

import aiohttp
import numpy as np
import pytest
from aiohttp import WSMsgType

from tests.realtime import BYTES_PER_MS, Talk
from voicehub.client import Conversation, Observer, UsageUpdated
from voicehub.realtime.binary import unpack
from voicehub.realtime.tokens import duration_usage
from voicehub.tasks import spawn

DELTA = "response.output_audio.delta"
MIB = 1024 * 1024
# All that these tests lead to must reach a stock client as the protocol's own events.
OURS = "voicehub."


async def talk_v1(site, who="ada", **more):
    talk = await site.talk(who=who, protocols=["realtime", "voicehub.v1"], **more)
    assert talk.socket.protocol == "voicehub.v1"
    return talk


async def announce(site, number):
    ids = {"response_id": f"resp_{number}", "output_index": 0}
    item = {"id": f"reply_{number}", "type": "message", "role": "assistant", "content": []}
    await site.engine.begin_reply(number)
    await site.engine.say("response.output_item.added", item=item, **ids)


async def until_binary(talk):
    """The next binary message; text before it is kept in `seen`, as ever."""
    while True:
        message = await talk.socket.receive()
        if message.type is WSMsgType.BINARY:
            return unpack(message.data)
        assert message.type is WSMsgType.TEXT
        talk.seen.append(message.json())


async def test_it_is_selected_whatever_the_order_and_the_token_is_never_echoed(site):
    token = await site.token()
    secret = f"openai-insecure-api-key.{token}"
    for offered in (["realtime", "voicehub.v1", secret], [secret, "voicehub.v1"]):
        socket = await site.client.ws_connect("/v1/realtime?model=Ava", protocols=offered)
        assert socket.protocol == "voicehub.v1"
        assert token not in str(socket._response.headers)
        await Talk(socket).until("session.created")
        await socket.close()


async def test_audio_goes_both_ways_without_base64(site):
    talk = await talk_v1(site)
    said = bytes(range(256)) * 20
    await talk.socket.send_bytes(said)
    assert (await site.engine.until_taken("input_audio_buffer.append")).audio == said
    await announce(site, 1)
    await site.engine.speak_pcm(1, b"\1\0" * 2_400)
    await site.engine.speak_pcm(1, b"\2\0" * 2_400)
    (first, heard), (second, more) = await until_binary(talk), await until_binary(talk)
    assert (heard, more) == (b"\1\0" * 2_400, b"\2\0" * 2_400)
    [added] = talk.of("response.output_item.added")
    assert first.item_number == second.item_number == added["voicehub"]["item_number"]
    assert (first.first, first.start_ms, second.first, second.start_ms) == (True, 0, False, 100)
    await talk.close()
    row = await site.over(talk.session_id)
    assert row["usage"]["user_audio_seconds"] == round(len(said) / BYTES_PER_MS / 1000, 3)
    assert row["usage"]["agent_audio_seconds"] == 0.2


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0" * 4_801], ids=["empty", "byte", "odd"])
async def test_a_binary_message_that_is_no_audio_is_an_error_and_the_session_goes_on(site, raw):
    talk = await talk_v1(site)
    await talk.socket.send_bytes(raw)
    error = (await talk.until("error"))["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_value")
    assert error["param"] == "audio"
    await talk.socket.send_bytes(b"\0\0")
    assert (await site.engine.until_taken("input_audio_buffer.append")).audio == b"\0\0"
    await talk.close()


@pytest.mark.parametrize("size", [15 * MIB + 2, 24 * MIB + 4])
async def test_a_binary_message_that_is_too_big_closes_with_1009(site, size):
    talk = await talk_v1(site)
    await talk.socket.send_bytes(bytes(size))
    assert await talk.until_closed() == 1009
    assert talk.errors == ["message_too_big"]
    assert (await site.over(talk.session_id))["status"] == "completed"


async def test_usage_and_warnings_come_as_the_plan_is_used(site):
    await site.run("UPDATE plans SET max_audio_tokens = $1", Decimal(100))
    talk = await talk_v1(site)
    await announce(site, 1)
    await site.engine.end_reply(1, "One.", usage=duration_usage(0, 4_200, 3, 0))
    told = await talk.until("voicehub.usage.updated")
    assert talk.kinds[-2:] == ["response.done", "voicehub.usage.updated"]
    assert told["usage"]["audio_tokens"] == 84
    assert told["plan"]["audio_tokens"] == {"left": 16, "max": 100}
    warning = await talk.until("voicehub.quota.warning")
    assert (warning["kind"], warning["percent"], warning["left"]) == ("audio_tokens", 80, 16)
    await announce(site, 2)
    await site.engine.end_reply(2, "Two.", usage=duration_usage(0, 600, 0, 0))
    assert (await talk.until("voicehub.quota.warning"))["percent"] == 95
    await announce(site, 3)
    await site.engine.end_reply(3, "Three.", usage=duration_usage(0, 500, 0, 0))
    assert await talk.until_closed() == 1008
    assert talk.errors == ["insufficient_quota"]
    assert len(talk.of("voicehub.quota.warning")) == 2
    # The third ended the session: its usage stands in its `response.done`.
    assert len(talk.of("voicehub.usage.updated")) == 2


async def test_a_drain_is_told_before_the_turn_ends(site):
    talk = await talk_v1(site)
    await announce(site, 1)
    draining = spawn(site.drain(30), name="drain")
    told = await talk.until("voicehub.session.going_away")
    assert told["reason"] == "drain"
    assert 20_000 < told["ends_within_ms"] <= 25_000
    await site.engine.end_reply(1, "Good bye.", usage=duration_usage(0, 200, 0, 0))
    assert await talk.until_closed() == 1012
    await draining


async def test_what_was_really_heard_is_what_is_kept(site):
    talk = await talk_v1(site)
    await announce(site, 1)
    await site.engine.speak(1, 3_000)
    await site.engine.end_reply(1, "A long story.", usage=duration_usage(0, 3_000, 0, 0))
    await until_binary(talk)
    await talk.until("voicehub.usage.updated")
    await talk.send("voicehub.playout.reported", item_id="reply_1", heard_ms=700)
    await talk.send("voicehub.playout.reported", item_id="nobody", heard_ms=1)
    assert (await talk.until("error"))["error"]["code"] == "item_not_found"
    await talk.close()
    row = await site.over(talk.session_id)
    [line] = row["data"]["transcript"]
    assert line["interrupted"]
    assert line["end_ms"] - line["start_ms"] <= 700
    assert line["transcript"] == "A"


async def test_a_stock_client_sees_not_a_single_event_of_ours(site):
    """The same that the others are told of, on a socket that did not ask for it."""
    await site.run("UPDATE plans SET max_audio_tokens = $1", Decimal(100))
    talk = await site.talk(protocols=["realtime"])
    assert talk.socket.protocol == "realtime"
    await talk.send("voicehub.playout.reported", item_id="reply_1", heard_ms=700)
    assert "Supported values" in (await talk.until("error"))["error"]["message"]
    await announce(site, 1)
    await site.engine.speak(1, 100)
    delta = await talk.until(DELTA)
    assert len(delta["delta"]) == 6_400
    await site.engine.end_reply(1, "One.", usage=duration_usage(0, 4_800, 0, 0))
    await talk.until("response.done")
    await announce(site, 2)
    draining = spawn(site.drain(30), name="drain")
    await site.engine.end_reply(2, "Two.", usage=duration_usage(0, 100, 0, 0))
    assert await talk.until_closed() == 1012
    await draining
    assert [kind for kind in talk.kinds if kind.startswith(OURS)] == []
    assert all("voicehub" not in added for added in talk.of("response.output_item.added"))


async def test_our_own_client_speaks_it_with_the_real_server(site):
    """The echo engine says what it hears: all of it comes back, and none of it as text."""
    created = await site.create(agent="Echo")
    notices = []
    clip = np.full(24 * 300, 4_000, np.int16)
    async with (
        aiohttp.ClientSession() as http,
        Conversation(
            http,
            str(site.client.make_url("/v1/realtime")).replace("http", "ws", 1),
            created["client_secret"]["value"],
            observer=Observer(notice=notices.append),
        ) as conversation,
    ):
        assert conversation.extended
        await conversation.wait_for("session.created")
        await conversation.say(clip)
        first = await conversation.wait_for("response.output_audio.delta")
        done = await conversation.wait_for("response.done")
        await conversation.wait_for("voicehub.usage.updated")
    assert first.body["audio_ms"] == 100
    # Through binary.py: a delta that came as JSON has an event id.
    assert "event_id" not in first.body
    assert done.body["response"]["status"] == "completed"
    [told] = notices
    assert isinstance(told, UsageUpdated)
    assert told.usage["responses"] == 1
    assert told.audio_tokens.max == 1_000_000
    row = await site.over(created["id"])
    assert row["usage"]["agent_audio_seconds"] >= 5.0
