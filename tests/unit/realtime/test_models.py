"""The eleven client events, as the public SDK shapes them."""

from typing import get_args

import pytest
from pydantic import ValidationError

from voicehub.realtime.models import CLIENT_EVENT, CLIENT_EVENT_TYPES, METADATA_MAX, ClientEvent

VALID = [
    {"type": "session.update", "session": {"type": "realtime"}},
    {
        "type": "session.update",
        "event_id": "e",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "idle_timeout_ms": 5000,
                        "interrupt_response": True,
                    },
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "v"}, "speed": 1.25},
            },
            "include": ["item.input_audio_transcription.logprobs"],
            "max_output_tokens": "inf",
            "tool_choice": {"type": "function", "name": "f"},
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
            "tracing": "auto",
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
        },
    },
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}},
        },
    },
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": None}}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "output_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "hi"},
                {"type": "input_audio", "audio": "A"},
            ],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": "{}"},
    },
    {"type": "conversation.item.retrieve", "item_id": "i"},
    {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 0},
    {"type": "conversation.item.delete", "item_id": "i"},
    {"type": "response.create"},
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "input": [{"type": "item_reference", "id": "i"}],
            "metadata": {"client_event_id": "x"},
            "output_modalities": ["text"],
            "max_output_tokens": 4096,
        },
    },
    {"type": "response.cancel", "response_id": None},
]


@pytest.mark.parametrize("event", VALID, ids=lambda event: event["type"])
def test_what_the_sdks_send_is_taken(event):
    CLIENT_EVENT.validate_python(event)


def test_every_type_has_an_example_here_and_its_model():
    assert {event["type"] for event in VALID} == set(CLIENT_EVENT_TYPES)
    models = get_args(get_args(ClientEvent)[0])
    kinds = {get_args(model.model_fields["type"].annotation)[0] for model in models}
    assert kinds == set(CLIENT_EVENT_TYPES)
    assert len(CLIENT_EVENT_TYPES) == 11


def session(**fields):
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update"},
        {"type": "session.update", "session": {}},
        {"type": "session.update", "session": {"type": "transcription"}},
        session(voice="alloy"),
        session(output_modalities=["text", "audio"]),
        session(output_modalities=[]),
        session(max_output_tokens=0),
        session(max_output_tokens="10"),
        session(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
        session(audio={"input": {"format": "pcm16"}}),
        session(audio={"input": {"turn_detection": {"type": "none"}}}),
        session(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}),
        session(audio={"output": {"speed": 9}}),
        session(tools=[{}] * 129),
        session(instructions="x" * 1_000_001),
        {"type": "conversation.item.create"},
        {"type": "conversation.item.create", "item": {"type": "message", "role": "admin"}},
        {"type": "conversation.item.create", "item": {"type": "message", "content": [{}]}},
        {"type": "conversation.item.retrieve", "item_id": 5},
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0},
        {
            "type": "conversation.item.truncate",
            "item_id": "i",
            "content_index": 0,
            "audio_end_ms": -1,
        },
        {"type": "response.create", "response": {"modalities": ["text"]}},
        {"type": "response.create", "response": {"metadata": {"k": 1}}},
        {"type": "response.create", "response": {"metadata": {str(n): "" for n in range(17)}}},
        {"type": "response.cancel", "event_id": "x" * 513},
        {"type": "response.cancel", "unknown": 1},
    ],
)
def test_what_has_another_shape_is_refused(event):
    with pytest.raises(ValidationError):
        CLIENT_EVENT.validate_python(event)


def test_metadata_has_sixteen_pairs():
    metadata = {str(number): "" for number in range(METADATA_MAX)}
    CLIENT_EVENT.validate_python({"type": "response.create", "response": {"metadata": metadata}})
