import orjson
import pytest

from voicehub.errors import ClientError, TooLargeError
from voicehub.realtime.extension import EXTENSION_EVENT_TYPES
from voicehub.realtime.parse import APPEND_BYTES_MAX, parse_client, parse_client_audio

REPORT = {"type": "voicehub.playout.reported", "item_id": "item_1", "heard_ms": 1_240}


@pytest.mark.parametrize(
    "event",
    [
        REPORT,
        {**REPORT, "heard_ms": 12.5, "event_id": "mine"},
        {"type": "voicehub.session.pause"},
        {"type": "voicehub.session.resume", "event_id": "mine"},
    ],
)
def test_extended_clients_have_events_of_their_own_and_others_do_not(event):
    raw = orjson.dumps(event)
    frame = parse_client(raw, extended=True)
    assert (frame.type, frame.body, frame.event_id) == (event["type"], event, event.get("event_id"))
    with pytest.raises(ClientError, match=r"Supported values are: 'session\.update'"):
        parse_client(raw)


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({**REPORT, "heard_ms": -1}, "invalid_value", "heard_ms"),
        ({**REPORT, "heard_ms": "1"}, "invalid_type", "heard_ms"),
        ({**REPORT, "heard_ms": 1e12}, "invalid_value", "heard_ms"),
        ({**REPORT, "item_id": 7}, "invalid_type", "item_id"),
        ({**REPORT, "more": 7}, "unknown_parameter", "more"),
        ({"type": "voicehub.playout.reported"}, "missing_required_parameter", "item_id"),
        ({"type": "voicehub.session.explode"}, "invalid_value", "type"),
        ({"type": "voicehub.usage.updated"}, "invalid_value", "type"),
    ],
)
def test_what_is_no_such_event_is_refused(event, code, param):
    with pytest.raises(ClientError) as refusal:
        parse_client(orjson.dumps(event), extended=True)
    assert (refusal.value.code, refusal.value.param) == (code, param)


def test_a_type_that_is_unknown_is_answered_with_those_that_are_there():
    with pytest.raises(ClientError) as refusal:
        parse_client(b'{"type":"voicehub.x"}', extended=True)
    assert all(f"'{kind}'" in refusal.value.message for kind in EXTENSION_EVENT_TYPES)


def test_a_binary_message_is_an_append():
    frame = parse_client_audio(b"\1\0")
    assert (frame.type, frame.audio, frame.raw) == ("input_audio_buffer.append", b"\1\0", None)


def test_no_audio_and_too_much_are_refused():
    with pytest.raises(ClientError) as refusal:
        parse_client_audio(b"")
    assert refusal.value.close_code == 0
    with pytest.raises(TooLargeError):
        parse_client_audio(bytes(APPEND_BYTES_MAX + 1))
