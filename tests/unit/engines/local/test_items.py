import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.items import Item, Part, Sentence, parse_item
from voicehub.engines.local.transcription import Piece, Transcription
from voicehub.errors import ClientError

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "content", "id", "text"]), inner)
    ),
    max_leaves=10,
)


def test_user_audio_always_shows_the_key_transcript():
    transcription = Transcription("item", pieces=[Piece("job", text="Hello.")], complete=True)
    part = Part("input_audio", transcription=transcription)
    assert part.as_ga() == {"type": "input_audio", "transcript": None}
    transcription.settled = True
    assert part.as_ga() == {"type": "input_audio", "transcript": "Hello."}


def test_the_model_reads_only_what_was_heard():
    part = Part("output_audio", text="One two. Three four.", audio_ms=2_000)
    part.sentences = [Sentence("One two.", 0, 1_000), Sentence(" Three four.", 1_000, 2_000)]
    item = Item("a", role="assistant", content=[part])
    assert item.as_turn().text == "One two. Three four."
    part.truncate(1_000)
    assert item.as_turn().text == "One two."
    assert part.as_ga() == {"type": "output_audio", "transcript": "One two."}
    part.truncate(600)
    assert item.as_turn().text == "One"
    part.truncate(0)
    assert item.as_turn() is None


def test_parts_are_joined_for_the_model():
    item = Item("a", content=[Part("input_text", "One."), Part("input_text", "Two.")])
    assert item.as_turn().text == "One.\nTwo."
    assert item.text_bytes == 8


def test_tool_items_have_their_ga_shapes():
    body = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    item, audio = parse_item(body, "item", AudioFormat.PCM, "new")
    assert item.as_ga() == {**body, "id": "new", "object": "realtime.item", "status": "completed"}
    assert audio == ()
    assert item.as_turn().role == "tool_call"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "item.type"),
        ({"type": "mcp_call"}, "item.type"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "message", "role": "robot", "content": []}, "item.role"),
        ({"type": "function_call_output", "call_id": "c"}, "item.output"),
        ({"type": "message", "role": "user", "content": [{}] * 65}, "item.content"),
        ({"type": "function_call", "call_id": 5, "name": "f"}, "item.call_id"),
        ({"type": "message", "role": "user", "content": [], "id": "x" * 129}, "item.id"),
    ],
)
def test_odd_items_are_refused_by_name(body, param):
    with pytest.raises(ClientError) as refusal:
        parse_item(body, "item", AudioFormat.PCM, "new")
    assert refusal.value.param == param


@settings(deadline=None)
@given(json)
def test_any_json_is_an_item_or_a_client_error(value):
    try:
        item, _ = parse_item(value, "item", AudioFormat.PCM, "new")
    except ClientError:
        return
    assert item.as_ga()["object"] == "realtime.item"
