import base64

import orjson
import pytest

from voicehub.realtime.frame import Frame, as_object, server_frame, to_json


def test_the_text_that_came_goes_on_as_it_is():
    raw = b'{ "type" : "x", "spaces": "kept" }'
    assert to_json(Frame("x", orjson.loads(raw), raw=raw)) is raw


@pytest.mark.parametrize(
    ("kind", "field"),
    [("input_audio_buffer.append", "audio"), ("response.output_audio.delta", "delta")],
)
@pytest.mark.parametrize("audio", [b"", b"\0\1", bytes(range(256)) * 10])
def test_audio_is_spliced_in_as_base64(kind, field, audio):
    body = {"type": kind, "event_id": 'with "quotes"'}
    written = orjson.loads(to_json(Frame(kind, body, audio=audio)))
    assert written == {**body, field: base64.b64encode(audio).decode()}


def test_a_changed_body_is_written_anew():
    assert to_json(Frame("x", {"type": "x", "a": "ä"})) == '{"type":"x","a":"ä"}'.encode()


def test_a_server_frame_has_its_type_and_id_first():
    frame = server_frame("event_1", "error", error={"code": "x"})
    assert to_json(frame) == b'{"type":"error","event_id":"event_1","error":{"code":"x"}}'


def test_the_event_id_is_text_or_nothing():
    assert Frame("x", {"event_id": "a"}).event_id == "a"
    assert Frame("x", {"event_id": 5}).event_id is None
    assert Frame("x", {}).event_id is None


def test_what_people_said_is_not_in_the_repr():
    assert repr(Frame("x", {"type": "x", "secret": "words"}, raw=b"words")) == "Frame('x')"


@pytest.mark.parametrize("odd", [None, 1, "a", [], [1], True])
def test_what_is_no_object_is_an_empty_one(odd):
    assert as_object(odd) == {}
    assert as_object({"a": 1}) == {"a": 1}
