"""What is left of the events when the server's tools are taken out of them."""

import pytest

from tests.sessions import Live
from voicehub.session.tool_veil import HIDDEN_MAX, Veil

OURS = {"id": "fc_1", "type": "function_call", "name": "lookup", "call_id": "call_1"}
THEIRS = {"id": "fc_2", "type": "function_call", "name": "dim_screen", "call_id": "call_2"}
WORDS = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}


@pytest.fixture
def veil() -> Veil:
    return Veil({"lookup"})


def shown(veil: Veil, kind: str, **fields) -> dict | None:
    frame = veil.shown(Live.frame(kind, fields))
    return None if frame is None else frame.body


def item(veil: Veil, which: dict, previous: str | None, index: int = 0) -> list[dict | None]:
    """An output item's first events."""
    place = {"response_id": "resp_1", "output_index": index}
    return [
        shown(veil, "response.output_item.added", item=which, **place),
        shown(veil, "conversation.item.added", item=which, previous_item_id=previous),
    ]


def test_no_event_of_a_servers_tool_is_shown(veil):
    place = {"response_id": "resp_1", "item_id": "fc_1", "output_index": 0}
    assert item(veil, OURS, None) == [None, None]
    for kind in ("delta", "done"):
        assert shown(veil, f"response.function_call_arguments.{kind}", **place) is None
    assert shown(veil, "response.output_item.done", item=OURS, **place) is None
    assert shown(veil, "conversation.item.done", item=OURS, previous_item_id=None) is None
    assert shown(veil, "conversation.item.deleted", item_id="fc_1") is None


def test_an_output_of_ours_is_not_shown(veil):
    veil.hide("out_1")
    output = {"id": "out_1", "type": "function_call_output", "call_id": "call_1"}
    assert shown(veil, "conversation.item.added", item=output, previous_item_id="fc_1") is None


def test_events_of_the_clients_own_tools_pass_as_they_came(veil):
    frame = Live.frame("response.output_item.added", {"item": THEIRS, "response_id": "r"})
    assert veil.shown(frame) is frame


def test_an_item_behind_hidden_ones_follows_the_visible_one_before_them(veil):
    shown(veil, "conversation.item.added", item={**WORDS, "id": "user_1"}, previous_item_id=None)
    item(veil, OURS, "user_1")
    veil.hide("out_1")
    output = {"id": "out_1", "type": "function_call_output"}
    shown(veil, "conversation.item.added", item=output, previous_item_id="fc_1")
    added = shown(veil, "conversation.item.added", item=WORDS, previous_item_id="out_1")
    assert added is not None
    assert added["previous_item_id"] == "user_1"
    committed = shown(
        veil, "input_audio_buffer.committed", item_id="user_2", previous_item_id="fc_1"
    )
    assert committed is not None
    assert committed["previous_item_id"] == "user_1"


def test_an_engine_that_tells_no_places_has_them_guessed_by_the_order(veil):
    shown(veil, "conversation.item.added", item={**WORDS, "id": "user_1"})
    item(veil, OURS, None)
    added = shown(veil, "conversation.item.added", item=WORDS, previous_item_id="fc_1")
    assert added is not None
    assert added["previous_item_id"] == "user_1"


def test_the_places_in_a_response_have_no_gaps(veil):
    item(veil, OURS, None, index=0)
    added, _ = item(veil, WORDS, "fc_1", index=1)
    assert added is not None
    assert added["output_index"] == 0
    place = {"response_id": "resp_1", "item_id": "msg_1", "output_index": 1}
    frame = Live.frame("response.output_audio.delta", place)
    frame.audio = b"\1\0"
    moved = veil.shown(frame)
    assert moved is not None
    assert (moved.body["output_index"], moved.audio, moved.raw) == (0, b"\1\0", None)
    output = {"id": "resp_1", "output": [OURS, WORDS]}
    done = shown(veil, "response.done", response=output)
    assert done is not None
    assert done["response"]["output"] == [WORDS]
    # The next response begins anew.
    other = {"response_id": "resp_2", "item_id": "msg_2", "output_index": 1}
    later = shown(veil, "response.output_text.delta", **other)
    assert later is not None
    assert later["output_index"] == 1


def test_a_response_without_hidden_items_passes_as_it_came(veil):
    frame = Live.frame("response.done", {"response": {"id": "resp_1", "output": [WORDS]}})
    assert veil.shown(frame) is frame


def test_the_hidden_items_that_are_remembered_are_bounded(veil):
    for number in range(HIDDEN_MAX + 10):
        veil.hide(f"out_{number}")
    assert shown(veil, "conversation.item.deleted", item_id="out_0") is not None
    assert shown(veil, "conversation.item.deleted", item_id=f"out_{HIDDEN_MAX}") is None
