"""A conversation through an upstream that behaves, and one that breaks off at every place."""

import asyncio
import base64
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest
from aiohttp import WSMsgType

from tests.integration.engines.upstream.conftest import KEY, PATIENCE, SESSION
from voicehub.errors import EngineError
from voicehub.realtime.frame import Frame, to_json
from voicehub.tasks import spawn


async def test_the_agents_session_becomes_the_upstreams(talk):
    assert talk.line.headers["Authorization"] == f"Bearer {KEY}"
    assert talk.line.query["model"] == "model-1"
    (update,) = talk.line.of("session.update")
    asked = update["session"]
    assert asked["instructions"] == "Be kind.\n\nA fisherman."
    assert asked["audio"]["input"]["transcription"] == {"model": "gpt-4o-mini-transcribe"}
    assert "model" not in asked
    assert talk.session["id"] == "sess_up"
    assert talk.session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


async def test_azures_key_travels_in_its_own_header(new_talk):
    talk = await new_talk(auth="api-key")
    assert talk.line.headers["api-key"] == KEY
    assert "Authorization" not in talk.line.headers


async def test_no_compression_is_asked_for(talk):
    assert "Sec-WebSocket-Extensions" not in talk.line.headers


async def test_what_is_not_changed_passes_as_the_bytes_that_came(talk):
    raw = b'{ "type":"conversation.item.retrieved",  "event_id":"e1", "item":{"id":"a"} }'
    await talk.line.raw(raw)
    assert (await talk.until("conversation.item.retrieved")).raw == raw
    await talk.line.say("session.created", session={})
    await talk.line.speak(1, 20)
    delta = await talk.until("response.output_audio.delta")
    assert delta.audio == b"\1\0" * 480
    assert delta.raw is not None
    assert "session.created" not in talk.kinds


async def test_client_events_arrive_in_order(talk):
    await talk.append(20)
    await talk.send("input_audio_buffer.commit", event_id="mine")
    await talk.send("response.create")
    append = await talk.line.until("input_audio_buffer.append")
    assert base64.b64decode(append["audio"]) == b"\1\0" * 480
    assert (await talk.line.until("input_audio_buffer.commit"))["event_id"] == "mine"
    await talk.line.until("response.create")


async def test_unknown_events_are_dropped_and_counted(talk):
    await talk.line.say("xai.mood.changed", mood="sunny")
    await talk.line.say("rate_limits.updated", rate_limits=[])
    await talk.until("rate_limits.updated")
    assert talk.kinds == ["rate_limits.updated"]
    assert talk.engine.unknown == 1


async def test_garbage_is_dropped_and_the_conversation_goes_on(talk):
    for raw in (b"{", b"[]", b'"x"', b'{"type":7}', b"\xff\xfe", b'{"type":"response.done"}'):
        await talk.line.raw(raw)
    await talk.line.raw(b'{"type":"response.output_audio.delta","item_id":"i","response_id":"r"}')
    await talk.line.socket.send_bytes(b"\0\1")
    await talk.line.say("rate_limits.updated", rate_limits=[])
    await talk.until("rate_limits.updated")
    assert talk.kinds == ["rate_limits.updated"]
    assert talk.engine.garbage == 8


async def test_an_upstream_of_nothing_but_garbage_is_left_for_good(new_talk, provider):
    talk = await new_talk(replace(PATIENCE, losses_max=1))
    line = talk.line
    for _ in range(2):
        for _ in range(70):
            await line.raw(b"no")
        await asyncio.wait_for(line.ended.wait(), 10)
        if line is talk.line:
            line = await provider.connection()
            await line.greet()
    failure = await talk.until_over()
    assert failure.message == "The engine 'cloud' keeps breaking off."


async def test_a_message_of_30_mb_costs_the_connection_not_the_session(talk, provider):
    with suppress(ConnectionError):  # it is refused at its first bytes
        await talk.line.socket.send_str('{"type":"' + "x" * 30_000_000)
    line = await provider.connection()
    await line.greet()
    await line.say("rate_limits.updated", rate_limits=[])
    await talk.until("rate_limits.updated")


async def test_a_close_in_mid_response_ends_that_response_as_failed(talk, provider):
    await talk.line.user_turn("user_1", "Tell me about the sea.")
    await talk.line.begin_reply(1, "The sea is")
    await talk.until("response.output_audio.delta")
    talk.line.abort()
    done = await talk.until("response.done")
    response = done.body["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "engine_failed"
    assert "usage" not in response
    assert response["output"][0]["content"] == [
        {"type": "output_audio", "transcript": "The sea is"}
    ]
    assert talk.kinds[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert all(frame.body["event_id"] for frame in talk.seen)
    line = await provider.connection()
    await line.greet()
    asked = await line.until("conversation.item.create")
    assert asked["item"] == {
        "id": "user_1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Tell me about the sea."}],
    }
    asked = await line.until("conversation.item.create")
    assert asked["item"]["content"] == [{"type": "output_text", "text": "The sea is"}]
    assert "session.created" not in talk.kinds


async def test_the_client_does_not_see_the_conversation_told_again(talk, provider):
    await talk.line.user_turn("user_1", "Hello.")
    await talk.line.reply(1, "Hello yourself.")
    await talk.until("response.done")
    before = len(talk.seen)
    await talk.line.close(1001)
    line = await provider.connection()
    config = await line.greet()
    assert config["instructions"] == "Be kind.\n\nA fisherman."
    previous = None
    for _ in range(2):
        item = (await line.until("conversation.item.create"))["item"]
        await line.say("conversation.item.added", item=item, previous_item_id=previous)
        await line.say("conversation.item.done", item=item, previous_item_id=previous)
        previous = item["id"]
    await line.user_turn("user_2", "And now?", after=previous)
    await talk.until("conversation.item.input_audio_transcription.completed")
    shown = [frame.body["item"]["id"] for frame in talk.seen[before:] if "item" in frame.body]
    assert shown == ["user_2", "user_2"]


async def test_the_clients_changes_hold_on_the_next_connection(talk, provider):
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    await talk.send("session.update", session=session)
    asked = (await talk.line.until("session.update"))["session"]
    await talk.line.say("session.updated", session=asked)
    shown = (await talk.until("session.updated")).body["session"]
    assert shown["audio"]["input"]["turn_detection"] is None
    assert shown["instructions"] == "Be kind.\n\nA fisherman."
    talk.line.abort()
    line = await provider.connection()
    config = await line.greet()
    assert config["audio"]["input"]["turn_detection"] is None
    assert config["audio"]["output"] == SESSION["audio"]["output"]


async def test_audio_that_came_without_a_connection_is_heard_by_the_next(talk, provider):
    await talk.append(100, b"\1\0")
    await talk.line.until("input_audio_buffer.append")
    await talk.line.say("input_audio_buffer.speech_started", item_id="user_1", audio_start_ms=0)
    await talk.until("input_audio_buffer.speech_started")
    talk.line.abort()
    assert (await talk.until("input_audio_buffer.speech_stopped")).body["item_id"] == "user_1"
    await talk.append(100, b"\2\0")
    line = await provider.connection()
    await talk.append(100, b"\3\0")
    await line.greet()
    heard = [
        base64.b64decode((await line.until("input_audio_buffer.append"))["audio"])[0]
        for _ in range(3)
    ]
    assert heard == [1, 2, 3]


async def test_positions_count_from_the_sessions_first_sample(talk, provider):
    for _ in range(30):
        await talk.append(100)
    await talk.line.say("input_audio_buffer.cleared")
    await talk.until("input_audio_buffer.cleared")
    talk.line.abort()
    line = await provider.connection()
    await line.greet()
    await talk.append(100)
    await line.until("input_audio_buffer.append")
    await line.say("input_audio_buffer.speech_started", item_id="user_1", audio_start_ms=40)
    started = await talk.until("input_audio_buffer.speech_started")
    assert started.body["audio_start_ms"] == 3040
    assert orjson.loads(to_json(started))["audio_start_ms"] == 3040


async def test_a_turn_whose_words_are_not_known_is_told_as_audio_and_answered(talk, provider):
    await talk.append(100, b"\5\0")
    await talk.line.until("input_audio_buffer.append")
    await talk.line.user_turn("user_1", None)
    await talk.until("conversation.item.done")
    talk.line.abort()
    failed = await talk.until("conversation.item.input_audio_transcription.failed")
    assert failed.body["item_id"] == "user_1"
    line = await provider.connection()
    await line.greet()
    (part,) = (await line.until("conversation.item.create"))["item"]["content"]
    assert part["type"] == "input_audio"
    assert base64.b64decode(part["audio"]) == b"\5\0" * 2400
    await line.until("response.create")


async def test_what_the_upstream_did_not_act_on_is_sent_again(talk, provider):
    output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    await talk.send("conversation.item.create", item=output)
    await talk.send("response.create", response={"metadata": {"a": "b"}})
    await talk.line.until("response.create")
    talk.line.abort()
    line = await provider.connection()
    await line.greet()
    assert (await line.until("conversation.item.create"))["item"] == output
    assert (await line.until("response.create"))["response"] == {"metadata": {"a": "b"}}


async def test_a_truncation_after_a_reconnect_shortens_what_was_told(talk, provider):
    await talk.line.user_turn("user_1", "Tell me.")
    await talk.line.begin_reply(1, "One two three four")
    await talk.until("response.output_audio.delta")
    talk.line.abort()
    await talk.until("response.done")
    line = await provider.connection()
    await line.greet()
    for _ in range(2):
        item = (await line.until("conversation.item.create"))["item"]
        await line.say("conversation.item.added", item=item, previous_item_id=None)
    assert item["content"][0]["text"] == "One two three four"
    await talk.send(
        "conversation.item.truncate", item_id="reply_1", content_index=0, audio_end_ms=500
    )
    assert (await line.until("conversation.item.delete"))["item_id"] == "reply_1"
    shorter = await line.until("conversation.item.create")
    assert shorter["item"]["content"][0]["text"] == "One two"
    assert shorter["previous_item_id"] == "user_1"
    await line.say("conversation.item.deleted", item_id="reply_1")
    await line.say("conversation.item.added", item=shorter["item"], previous_item_id="user_1")
    truncated = await talk.until("conversation.item.truncated")
    assert truncated.body["audio_end_ms"] == 500
    assert "conversation.item.deleted" not in talk.kinds
    assert talk.line.of("conversation.item.truncate") == []


async def test_session_expired_is_between_us_and_the_upstream(talk, provider):
    error = {"type": "invalid_request_error", "code": "session_expired", "message": "60 minutes"}
    await talk.line.say("error", error=error)
    line = await provider.connection()
    await line.greet()
    await line.say("rate_limits.updated", rate_limits=[])
    await talk.until("rate_limits.updated")
    assert "error" not in talk.kinds


async def test_a_pause_before_the_maximum_duration_is_used_to_reconnect(new_talk, provider):
    talk = await new_talk(session_max_s=0.4)
    await talk.line.user_turn("user_1", "Hello.")
    await talk.line.reply(1, "Hello.")
    await talk.until("response.done")
    line = await provider.connection()
    assert not talk.line.ended.is_set(), "the new one is there before the old one goes"
    await line.greet()
    await asyncio.wait_for(talk.line.ended.wait(), 10)
    assert (await line.until("conversation.item.create"))["item"]["id"] == "user_1"
    await talk.append(100)
    await line.until("input_audio_buffer.append")
    assert "response.done" not in talk.kinds[talk.kinds.index("response.done") + 1 :]


async def test_a_turn_is_not_broken_by_the_change(talk, provider):
    await talk.line.begin_reply(1, "A long")
    await talk.until("response.output_audio.delta")
    talk.engine._start_recycling()
    await talk.line.speak(1, 20)
    await talk.until("response.output_audio.delta")
    assert provider.attempts == 1
    await talk.line.end_reply(1, "A long story.")
    line = await provider.connection()
    await line.greet()
    item = (await line.until("conversation.item.create"))["item"]
    assert item["content"][0]["text"] == "A long story."


async def test_an_upstream_that_stays_away_fails_the_engine_with_what_was_said(talk, provider):
    await talk.line.begin_reply(1, "Well")
    await talk.until("response.output_audio.delta")
    provider.refuse(503)
    provider.refuse(503)
    provider.refuse(503, **{"Retry-After": "3600"})
    talk.line.abort()
    failure = await talk.until_over()
    assert failure.message == "The engine 'cloud' is busy (HTTP 503)."
    assert failure.retryable
    assert talk.kinds[-1] == "response.done"
    assert provider.attempts == 4


async def test_an_upstream_that_keeps_breaking_off_is_left(new_talk, provider):
    talk = await new_talk(replace(PATIENCE, losses_max=2))
    line = talk.line
    for _ in range(2):
        line.abort()
        line = await provider.connection()
        await line.greet()
    line.abort()
    assert (await talk.until_over()).message == "The engine 'cloud' keeps breaking off."


async def test_an_upstream_that_takes_nothing_is_broken_off(new_talk, provider):
    talk = await new_talk(replace(PATIENCE, send_s=0.2))
    talk.line.stall()
    while provider.attempts == 1:  # until no buffer on the way takes more
        await talk.append(5_000)
        await asyncio.sleep(0)  # without a connection `send` waits for nothing
    line = await provider.connection()
    await line.greet()
    await line.until("input_audio_buffer.append")


async def test_events_go_out_at_once_while_the_upstream_takes_them(new_talk, provider):
    talk = await new_talk(replace(PATIENCE, send_s=0.2))
    kind = "input_audio_buffer.append"
    append = Frame(kind, {"type": kind}, audio=bytes(240_000))
    assert talk.engine.send_now(append)
    await talk.line.until(kind)
    talk.line.stall()
    while provider.attempts == 1:  # until no buffer on the way takes more
        if not talk.engine.send_now(append):
            await talk.engine.send(append)
        await asyncio.sleep(0)  # without a connection nothing is waited for
    line = await provider.connection()
    assert talk.engine.send_now(append)  # the relay keeps it
    await line.greet()
    await line.until(kind)


async def test_a_close_while_it_reconnects_ends_it(talk, provider):
    talk.line.abort()
    await provider.connection()  # which never greets
    await talk.engine.aclose()
    assert await talk.until_over() is None


async def test_sending_to_a_closed_engine_is_harmless(talk):
    await talk.close()
    await talk.send("response.create")
    await talk.engine.aclose()


async def test_a_binary_upstream_is_no_realtime_api(new_engine, provider):
    engine = new_engine(replace(PATIENCE, open_s=0.3))
    opening = spawn(engine.open(SESSION), name="opening")
    line = await provider.connection()
    for _ in range(40):
        await line.socket.send_frame(b"\0", WSMsgType.BINARY)
    with pytest.raises(EngineError, match="The engine 'cloud' "):
        await opening
