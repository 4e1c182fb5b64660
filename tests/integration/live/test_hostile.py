"""What a client may throw at the socket: an error or a close, and nobody else notices."""

import asyncio
import base64
import gc

import orjson
import psutil
import pytest

from voicehub.keys import REGISTRY
from voicehub.live import driver, outbox

MIB = 1024 * 1024
RSS_GROWTH_MAX = 160 * MIB


def event(kind, **fields):
    return orjson.dumps({"type": kind, **fields})


def user_text(text):
    content = [{"type": "input_text", "text": text}]
    return event(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )


def nested(depth):
    tool = '{"type":"function","name":"f","parameters":' + '{"a":' * depth + "1" + "}" * depth
    return (
        f'{{"type":"session.update","session":{{"type":"realtime","tools":[{tool}}}]}}}}'.encode()
    )


REFUSED = {
    "no JSON": (b"hello", "invalid_json"),
    "empty": (b"", "invalid_json"),
    "no object": (b"[1,2]", "invalid_json"),
    "no type": (b"{}", "missing_required_parameter"),
    "type of another type": (b'{"type":[]}', "invalid_type"),
    "unknown type": (event("input_audio_buffer.explode"), "invalid_value"),
    "a server's type": (event("session.created"), "invalid_value"),
    "missing field": (event("conversation.item.create"), "missing_required_parameter"),
    "wrong type": (event("session.update", session=[]), "invalid_type"),
    "unknown field": (event("response.create", surprise=1), "unknown_parameter"),
    "beta session": (event("session.update", session={"voice": "alloy"}), None),
    "audio is no text": (event("input_audio_buffer.append", audio=7), "invalid_type"),
    "bad base64": (event("input_audio_buffer.append", audio="!!!!"), "invalid_base64"),
    "half base64": (event("input_audio_buffer.append", audio="AAA"), "invalid_base64"),
    "half a sample": (event("input_audio_buffer.append", audio="AAAA"), "invalid_value"),
    "U+0000": (user_text("a\0b"), "invalid_value"),
    "lone surrogate": (user_text("x").replace(b'"x"', b'"\\ud800"'), "invalid_json"),
    "not a number": (b'{"type":"response.create","response":{"max_output_tokens":NaN}}', None),
    "infinity": (b'{"type":"response.create","response":{"max_output_tokens":1e999}}', None),
    "huge number": (
        b'{"type":"response.create","response":{"max_output_tokens":' + b"9" * 400,
        None,
    ),
    "huge integer": (
        event("conversation.item.truncate", item_id="i", content_index=0, audio_end_ms=2**62),
        "invalid_value",
    ),
    "nested deeply": (nested(300), None),
    "nested very deeply": (nested(2_000), None),
    "nested, with U+0000": (nested(900).replace(b"1}", b'"\\u0000"}', 1), None),
    "long id": (event("response.cancel", response_id="x" * 10_000), "invalid_value"),
}


async def test_what_is_no_event_gets_an_error_and_the_session_goes_on(site, subtests):
    talk = await site.talk()
    for name in sorted(REFUSED):
        with subtests.test(name):
            raw, code = REFUSED[name]
            seen = len(talk.seen)
            await talk.raw(raw)
            error = (await talk.until("error"))["error"]
            assert error["type"] == "invalid_request_error"
            assert code in {None, error["code"]}
            assert len(talk.seen) == seen + 1
            await talk.send("response.create")
            await site.engine.until_taken("response.create")
            assert [frame.type for frame in site.engine.taken] == ["response.create"]
            site.engine.taken.clear()
    await talk.close()


async def test_an_error_names_the_event_that_it_answers(site):
    talk = await site.talk()
    await talk.send("response.create", event_id="mine", surprise=1)
    assert (await talk.until("error"))["error"]["event_id"] == "mine"
    await talk.close()


async def test_text_that_is_not_utf8_closes_with_1007(site):
    talk = await site.talk()
    await talk.raw(b'{"type":"\xff\xfe"}')
    assert await talk.until_closed() == 1007
    assert talk.errors == ["invalid_utf8"]


async def test_binary_messages_without_the_subprotocol_are_an_error(site):
    talk = await site.talk()
    await talk.socket.send_bytes(b"\0" * 4_800)
    assert (await talk.until("error"))["error"]["type"] == "invalid_request_error"
    await talk.send("response.create")
    await site.engine.until_taken("response.create")
    await talk.close()


@pytest.mark.parametrize("size", [5 * MIB, 20 * MIB + 1, 24 * MIB])
async def test_a_message_that_is_too_big_closes_with_1009(site, size):
    healthy = await site.talk(who="bob")
    talk = await site.talk()
    await talk.raw(user_text("x" * size))
    assert await talk.until_closed() == 1009
    assert talk.errors == ["message_too_big"]
    row = await site.over(talk.session_id)
    assert row["status"] == "completed"
    await healthy.send("response.create")
    await site.engines[0].until_taken("response.create")
    await healthy.close()


async def test_the_largest_append_is_taken(site):
    talk = await site.talk("model=Ava", max_msg_size=0)
    await talk.raw(
        event("input_audio_buffer.append", audio=base64.b64encode(bytes(15 * MIB)).decode())
    )
    frame = await site.engine.until_taken("input_audio_buffer.append")
    assert len(frame.audio) == 15 * MIB
    await talk.close()
    row = await site.over(talk.session_id)
    assert row["usage"]["user_audio_seconds"] == 327.68


async def test_ten_thousand_messages_a_second_close_with_1008_and_others_do_not_notice(site):
    healthy = await site.talk(who="bob")
    noisy = await site.talk()
    writing = asyncio.TaskGroup()

    async def shout():
        try:
            for _ in range(10_000):
                await noisy.raw(b'{"type":"input_audio_buffer.clear"}')
        except ConnectionError:
            return

    async with writing:
        writing.create_task(shout())
        assert await noisy.until_closed() == 1008
    assert noisy.errors == ["rate_limit_exceeded"]
    row = await site.over(noisy.session_id)
    assert row["status"] == "completed"
    await healthy.send("response.create")
    await site.engines[0].until_taken("response.create")
    await healthy.close()


async def test_garbage_counts_as_messages_do(site):
    talk = await site.talk()
    for _ in range(2_500):
        await talk.raw(b"?")
    assert await talk.until_closed() == 1008
    assert talk.errors[-1] == "rate_limit_exceeded"


async def test_a_client_that_never_reads_is_cut_off_and_memory_stays_bounded(site, monkeypatch):
    monkeypatch.setattr(driver, "FLUSH_DEADLINE_S", 0.5)
    healthy = await site.talk(who="bob")
    talk = await site.talk()
    talk.socket._response.connection.transport.pause_reading()
    gc.collect()
    before = psutil.Process().memory_info().rss
    await site.engine.begin_reply(1)
    closed = site.engine.closed
    for _ in range(4 * outbox.BYTES_MAX // (480_000)):
        if closed.is_set():
            break
        await site.engine.speak(1, 10_000)
        await asyncio.sleep(0)
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    assert closed.is_set()
    assert psutil.Process().memory_info().rss - before < RSS_GROWTH_MAX
    assert healthy.socket.close_code is None
    await healthy.close()
    talk.socket._response.connection.transport.resume_reading()
    assert await talk.until_closed() in {1006, 1013}


async def test_a_client_that_takes_no_byte_for_too_long_is_lost(site, monkeypatch):
    monkeypatch.setattr(outbox, "SEND_DEADLINE_S", 0.2)
    talk = await site.talk()
    transport = talk.socket._response.connection.transport
    transport.pause_reading()
    await site.engine.begin_reply(1)
    for _ in range(20):
        await site.engine.speak(1, 10_000)
    row = await site.over(talk.session_id)
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "lost")
    transport.abort()


async def test_errors_that_nobody_reads_do_not_pile_up(site, monkeypatch):
    monkeypatch.setattr(driver, "FLUSH_DEADLINE_S", 0.2)
    monkeypatch.setattr(outbox, "FRAMES_MAX", 500)
    talk = await site.talk()
    # Nothing is sent while a line waits to be kept, whatever else there is to say.
    held = asyncio.Event()
    monkeypatch.setattr("voicehub.sinks.transcript.lines.append", lambda *_: held.wait())
    await site.engine.begin_reply(1)
    await site.engine.end_reply(1, "Wait.", usage={"total_tokens": 1})
    for _ in range(600):
        await talk.raw(b"?")
    (driving,) = site.app[REGISTRY]._drivers
    await driving._over.wait()
    held.set()
    assert await talk.until_closed() == 1013
    assert talk.errors[-1] == "server_overloaded"
    assert len(talk.seen) < 500
    await talk.close()
