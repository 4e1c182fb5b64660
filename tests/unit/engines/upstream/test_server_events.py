from typing import get_args

import orjson
import pytest
from openai.types.realtime import RealtimeServerEvent

from voicehub.engines.upstream.server_events import SHAPES, read


def test_the_protocol_is_the_one_of_the_public_sdk():
    union, *_ = get_args(RealtimeServerEvent)
    known = {kind for event in get_args(union) for kind in _kinds(event)}
    assert set(SHAPES) == known


def _kinds(event):
    return get_args(event.model_fields["type"].annotation)


def test_an_event_comes_with_its_bytes():
    raw = b'{"type":"input_audio_buffer.cleared",  "event_id":"e"}'
    frame = read(raw)
    assert frame.raw == raw
    assert frame.body["event_id"] == "e"


def test_another_type_is_no_event_of_the_protocol():
    assert read(b'{"type":"ping"}') is None


@pytest.mark.parametrize(
    "body",
    [
        {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i"},
        {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": 7},
        {"type": "response.output_audio.delta", "response_id": "r", "item_id": 1, "delta": "AAA="},
        {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "%"},
        {"type": "response.done"},
        {"type": "response.done", "response": "done"},
        {"type": "response.done", "response": {"id": None}},
        {"type": "conversation.item.added", "item": []},
        {"type": "error", "error": "quota"},
        {"type": "input_audio_buffer.speech_started", "item_id": "i", "audio_start_ms": "0"},
        {"type": None},
        [],
        "response.done",
        None,
    ],
)
def test_what_lacks_a_field_that_is_relied_on_is_no_event(body):
    with pytest.raises(ValueError, match=r".*"):
        read(orjson.dumps(body))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 5000, b'{"type":"error","error":NaN}'])
def test_what_is_no_json_is_no_event(raw):
    with pytest.raises(ValueError, match=r".*"):
        read(raw)
