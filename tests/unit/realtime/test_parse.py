import base64

import orjson
import pytest

from voicehub.errors import ClientError, NotTextError, TooLargeError
from voicehub.realtime.frame import to_json
from voicehub.realtime.parse import (
    APPEND_BYTES_MAX,
    ECHO_MAX,
    EVENT_BYTES_MAX,
    NESTING_MAX,
    decode_audio,
    event_id_of,
    parse_client,
    parse_server,
)


def refusal(raw):
    if not isinstance(raw, bytes):
        raw = orjson.dumps(raw)
    with pytest.raises(ClientError) as caught:
        parse_client(raw)
    error = caught.value
    assert len(error.message) < 1_000
    assert len(error.param or "") <= ECHO_MAX
    return error.code, error.param


def update(**session):
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def message(text):
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": item}


def nested(depth):
    return b"[" * depth + b"]" * depth


def test_an_event_keeps_its_text():
    raw = b'{"type":  "response.cancel", "event_id":"e"}'
    frame = parse_client(raw)
    assert (frame.type, frame.event_id, frame.raw, frame.audio) == (
        "response.cancel",
        "e",
        raw,
        None,
    )


def test_audio_is_decoded_once_and_its_text_is_let_go():
    audio = bytes(range(256))
    encoded = base64.b64encode(audio).decode()
    event = {"type": "input_audio_buffer.append", "event_id": "e", "audio": encoded}
    frame = parse_client(orjson.dumps(event))
    assert frame.audio == audio
    assert frame.raw is None
    assert frame.event_id == "e"
    assert "audio" not in frame.body
    assert orjson.loads(to_json(frame)) == event


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"null", b"[]", b'"text"', b"5", b"NaN", b"\0"),
        b'{"type":"response.cancel","event_id":"\\ud800"}',
        b'{"type":"response.cancel","event_id":1e999}',
        b'{"type":"response.cancel","event_id":NaN}',
        nested(100_000),
    ],
)
def test_what_is_no_object_of_json_is_refused(raw):
    assert refusal(raw) == ("invalid_json", None)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe",
        b'{"type":"response.cancel","event_id":"\xff"}',
        b'{"type":"response.cancel","event_id":"\xed\xa0\x80"}',
        b'{"type":"response.cancel"}\x80',
    ],
)
def test_what_is_not_utf8_ends_the_session(raw):
    with pytest.raises(NotTextError) as refused:
        parse_client(raw)
    assert refused.value.close_code == 1007


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": None}, "invalid_type", "type"),
        ({"type": ["x"]}, "invalid_type", "type"),
        ({"type": "transcription_session.update"}, "invalid_value", "type"),
        ({"type": "x" * 100_000}, "invalid_value", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        (update(voice="alloy"), "unknown_parameter", "session.voice"),
        (update(**{"v" * 100_000: 1}), "unknown_parameter", "session." + "v" * 120),
        (
            update(audio={"input": {"turn_detection": {"type": "none" * 50_000}}}),
            "invalid_value",
            0,
        ),
        (update(audio={"input": {"turn_detection": {}}}), "invalid_value", 0),
        (
            update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": "x"}}}),
            "invalid_type",
            "session.audio.input.turn_detection.threshold",
        ),
        (update(instructions=5), "invalid_type", "session.instructions"),
        (message(5), "invalid_type", "item.content[0].text"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": None}, "missing_required_parameter", 0),
        ({"type": "input_audio_buffer.append", "audio": 5}, "invalid_type", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "A"}, "invalid_base64", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AA AA"}, "invalid_base64", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "ää"}, "invalid_base64", "audio"),
        (
            {"type": "input_audio_buffer.append", "audio": "", "rate": 5},
            "unknown_parameter",
            "rate",
        ),
        (
            {"type": "input_audio_buffer.append", "audio": "", "event_id": [1]},
            "invalid_type",
            "event_id",
        ),
        (
            {"type": "input_audio_buffer.append", "audio": "", "event_id": "x" * 513},
            "invalid_value",
            "event_id",
        ),
        (
            {"type": "response.create", "response": {"max_output_tokens": 0}},
            "invalid_value",
            "response.max_output_tokens",
        ),
        (message("a\0b"), "invalid_value", "item.content[0].text"),
        (update(tools=[{"a\0b": 1}]), "invalid_value", "session.tools[0]"),
        (update(tools=[{"k" * 5_000: {"a": "\0"}}]), "invalid_value", 0),
    ],
)
def test_an_error_says_what_is_wrong_and_where(event, code, param):
    given_code, given_param = refusal(event)
    assert given_code == code
    if param != 0:
        assert given_param == param


def test_an_escaped_backslash_before_u0000_is_text():
    frame = parse_client(b'{"type":"conversation.item.delete","item_id":"\\\\u0000"}')
    assert frame.body["item_id"] == "\\u0000"


def test_nesting_is_bounded_so_that_what_was_read_can_be_written():
    begin, end = b'{"type":"session.update","session":{"type":"realtime","tracing":{"a":', b"}}}"
    for depth in (NESTING_MAX, 250, 900):
        assert refusal(begin + nested(depth) + end) == ("invalid_value", None)
    frame = parse_client(begin + nested(NESTING_MAX - 4) + end)
    frame.raw = None
    assert orjson.loads(to_json(frame)) == frame.body
    append = b'{"type":"input_audio_buffer.append","audio":"","event_id":' + nested(900) + b"}"
    assert refusal(append) == ("invalid_type", "event_id")


def test_nul_deep_down_is_found():
    deep = b"[" * 90 + b'"\\u0000"' + b"]" * 90
    raw = b'{"type":"session.update","session":{"type":"realtime","tracing":{"a":' + deep + b"}}}"
    assert refusal(raw)[0] == "invalid_value"


def test_wide_events_are_fine():
    event = update(tools=[{"type": "function", "parameters": {str(n): [] for n in range(5_000)}}])
    assert parse_client(orjson.dumps(event)).type == "session.update"


def test_an_event_too_large_closes_and_audio_may_be_larger():
    raw = orjson.dumps(message("x" * EVENT_BYTES_MAX))
    with pytest.raises(TooLargeError):
        parse_client(raw)
    encoded = base64.b64encode(bytes(APPEND_BYTES_MAX)).decode()
    assert len(decode_audio(encoded, "audio")) == APPEND_BYTES_MAX
    with pytest.raises(TooLargeError) as caught:
        decode_audio(encoded + "AAAA", "audio")
    assert caught.value.param == "audio"


@pytest.mark.parametrize(
    ("raw", "event_id"),
    [
        (b'{"event_id":"mine","type":5}', "mine"),
        (b'{"event_id":5}', None),
        (b'{"event_id":"' + b"x" * 513 + b'"}', None),
        (b"[]", None),
        (b"not json", None),
        (b"", None),
        (nested(5_000), None),
    ],
)
def test_the_event_id_of_what_was_refused_is_read_where_it_can_be(raw, event_id):
    assert event_id_of(raw) == event_id


def test_a_server_event_keeps_its_text():
    raw = b'{"type": "rate_limits.updated", "rate_limits": []}'
    frame = parse_server(raw)
    assert (frame.type, frame.raw, frame.audio) == ("rate_limits.updated", raw, None)


def test_a_servers_audio_is_decoded_and_its_text_kept():
    raw = b'{"type":"response.output_audio.delta","delta":"AAEC","item_id":"i"}'
    frame = parse_server(raw)
    assert frame.audio == b"\0\1\2"
    assert frame.raw == raw
    assert "delta" not in frame.body


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"[]", b"{}", b'{"type":5}', b"nonsense"),
        b'{"type":"response.output_audio.delta"}',
        b'{"type":"response.output_audio.delta","delta":null}',
        b'{"type":"response.output_audio.delta","delta":"A"}',
        b'{"type":"response.output_audio.delta","delta":"\xc3\xa4"}',
    ],
)
def test_what_is_no_server_event_is_refused(raw):
    with pytest.raises(ValueError):  # noqa: PT011  # whatever its words: it is the engine's fault
        parse_server(raw)
