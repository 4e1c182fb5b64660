"""Whatever bytes arrive: a frame that can be written again, or an error for the client."""

import json
from copy import deepcopy

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.errors import ClientError
from voicehub.realtime.frame import to_json
from voicehub.realtime.models import CLIENT_EVENT_TYPES
from voicehub.realtime.parse import ECHO_MAX, event_id_of, parse_client, parse_server

EVENTS = [
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "x",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "x"},
                    "turn_detection": {"type": "server_vad", "threshold": 0.5},
                },
                "output": {"voice": "x", "speed": 1.0},
            },
            "tools": [{"type": "function", "name": "f", "parameters": {}}],
        },
    },
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit", "event_id": "e"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "x"}, {"type": "input_audio", "audio": "A"}],
        },
    },
    {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 5},
    {
        "type": "response.create",
        "response": {
            "metadata": {"k": "v"},
            "input": [{"type": "message", "role": "system", "content": []}],
            "output_modalities": ["text"],
        },
    },
    {"type": "response.output_audio.delta", "delta": "AAAA", "item_id": "i"},
]

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["\0", "\ud800", "x" * 600, 10**30, 1e300, [], {}, [[]], {"type": "x"}]),
    st.sampled_from(CLIENT_EVENT_TYPES),
    st.recursive(
        st.none(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
)


@st.composite
def mutated(draw):
    """A valid event, with some of its values replaced, dropped or added."""
    event = deepcopy(draw(st.sampled_from(EVENTS)))
    for _ in range(draw(st.integers(0, 3))):
        place = event
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            deed = draw(st.sampled_from(["replace", "drop", "add"]))
            if deed == "drop":
                del place[key]
            elif deed == "replace" or isinstance(place, list):
                place[key] = deepcopy(draw(ODD))
            else:
                place[draw(st.text(max_size=5))] = deepcopy(draw(ODD))
            break
    return event


def check(raw):
    try:
        frame = parse_client(raw)
    except ClientError as caught:
        error = caught
    else:
        error = None
    if error is not None:
        assert len(error.message) < 1_000
        assert len(error.param or "") <= ECHO_MAX
        orjson.dumps(error.as_openai(event_id_of(raw)))
        return
    frame.raw = None
    again = parse_client(to_json(frame))
    assert (again.type, again.audio) == (frame.type, frame.audio)
    assert again.body == frame.body


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(raw):
    check(raw)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text):
    check(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=800, deadline=None)
@given(mutated())
def test_any_event_that_is_almost_right(event):
    check(_dumps(event))


@settings(max_examples=400, deadline=None)
@given(mutated(), st.binary(max_size=3), st.integers(0, 300), st.integers(0, 5))
def test_any_event_with_other_bytes_in_it(event, inserted, place, removed):
    raw = _dumps(event)
    check(raw[:place] + inserted + raw[place + removed :])


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_any_server_event(event):
    try:
        frame = parse_server(_dumps(event))
    except ValueError:
        return
    assert isinstance(frame.type, str)


def _dumps(event):
    """As careless clients write: what orjson refuses to write is for the parser to refuse."""
    return json.dumps(event).encode()
