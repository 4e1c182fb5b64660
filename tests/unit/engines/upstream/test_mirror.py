import base64

import pytest

from tests.unit.engines.upstream.conftest import added, begun, event, message, said
from voicehub.engines.upstream.mirror import ITEMS_MAX, TEXT_BYTES_MAX, Mirror


def mirrored(*frames):
    mirror = Mirror()
    for frame in frames:
        mirror.note(frame)
    return mirror


def text(item_id, role, words):
    kind = "output_text" if role == "assistant" else "input_text"
    return message(item_id, role, {"type": kind, "text": words})


def transcribed(item_id, words):
    kind = "conversation.item.input_audio_transcription.completed"
    return event(kind, item_id=item_id, content_index=0, transcript=words)


def test_each_side_is_told_in_words():
    heard = message("u", "user", {"type": "input_audio", "transcript": None})
    mirror = mirrored(
        added(text("s", "system", "Be brief.")),
        added(heard, "s"),
        transcribed("u", "Hello."),
        added(message("a", "assistant"), "u"),
        said("a", "Hello yourself."),
    )
    assert [item["content"] for item in mirror.told()] == [
        [{"type": "input_text", "text": "Be brief."}],
        [{"type": "input_text", "text": "Hello."}],
        [{"type": "output_text", "text": "Hello yourself."}],
    ]
    assert all(set(item) == {"id", "type", "role", "content"} for item in mirror.told())


def test_items_stand_where_they_were_put():
    mirror = mirrored(
        added(text("b", "user", "b")),
        added(text("d", "user", "d"), "b"),
        added(text("c", "user", "c"), "b"),
        added(text("a", "user", "a"), "root"),
        added(text("e", "user", "e"), None),
        added(text("f", "user", "f"), "nowhere"),
    )
    assert [item["id"] for item in mirror.told()] == ["a", "b", "c", "d", "e", "f"]
    assert mirror.last_id == "f"
    assert mirror.previous_id("c") == "b"
    assert mirror.previous_id("a") is None


def test_a_deleted_item_is_not_told():
    mirror = mirrored(
        added(text("a", "user", "a")), event("conversation.item.deleted", item_id="a")
    )
    assert mirror.told() == []
    assert "a" not in mirror


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [(0, None), (100, None), (500, "One two"), (520, "One two"), (1000, "One two three four")],
)
def test_of_what_was_cut_the_words_that_were_heard_are_told(heard_ms, words):
    mirror = mirrored(*begun(1, ""), said("reply_1", "One two three four"))
    mirror.hear("reply_1", 400)
    mirror.hear("reply_1", 600)
    cut = {"item_id": "reply_1", "content_index": 0, "audio_end_ms": heard_ms}
    mirror.note(event("conversation.item.truncated", **cut))
    told = [item["content"][0]["text"] for item in mirror.told()]
    assert told == ([words] if words else [])


def test_words_stay_known_when_a_later_event_shows_none():
    mirror = mirrored(added(message("a", "assistant")), said("a", "Hello."))
    done = message("a", "assistant", {"type": "output_audio", "transcript": None})
    mirror.note(event("conversation.item.done", item=done))
    assert mirror.told()[0]["content"] == [{"type": "output_text", "text": "Hello."}]


def test_a_turn_without_words_is_told_as_audio_where_there_is_some():
    mirror = mirrored(added(message("u", "user", {"type": "input_audio", "transcript": None})))
    assert mirror.told() == []
    (item,) = mirror.told(lambda item_id: item_id.encode())
    audio = {"type": "input_audio", "audio": base64.b64encode(b"u").decode()}
    assert item["content"] == [audio]


def test_audio_inside_an_item_is_not_kept():
    mirror = mirrored(
        added(message("u", "user", {"type": "input_audio", "audio": "AAAA", "transcript": "Hi."}))
    )
    assert mirror.told()[0]["content"] == [{"type": "input_text", "text": "Hi."}]


def test_an_image_is_told_again():
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    assert mirrored(added(message("u", "user", image))).told()[0]["content"] == [image]


def test_a_tools_request_and_its_output_are_told_together():
    request = {"id": "c", "type": "function_call", "status": "completed", "call_id": "call_1"}
    request |= {"name": "weather", "arguments": "{}"}
    output = {"id": "o", "type": "function_call_output", "call_id": "call_1", "output": "rain"}
    orphan = {**output, "id": "p", "call_id": "call_0"}
    begun_one = {**request, "id": "d", "status": "in_progress", "call_id": "call_2"}
    partial = {"id": "e", "type": "function_call", "call_id": "call_3"}
    listed = {"id": "m", "type": "mcp_list_tools"}
    mirror = mirrored(*(added(item) for item in (orphan, request, output, begun_one)))
    mirror.note(added(partial))
    mirror.note(added(listed))
    told = mirror.told()
    assert [item["id"] for item in told] == ["c", "o"]
    assert told[0] == {key: request[key] for key in ("id", "type", "call_id", "name", "arguments")}


def test_items_that_only_the_end_of_a_response_shows_are_told():
    output = [text("a", "assistant", "Hello."), "garbage", {"id": 7}]
    ended = {"id": "r", "conversation_id": "conv", "output": output}
    mirror = mirrored(event("response.done", response=ended))
    assert [item["id"] for item in mirror.told()] == ["a"]
    beside = mirrored(event("response.done", response={**ended, "conversation_id": None}))
    assert beside.told() == []


def test_the_oldest_items_are_dropped_at_the_limits():
    mirror = mirrored(*(added(text(f"i{n}", "user", "a")) for n in range(ITEMS_MAX + 3)))
    assert [item["id"] for item in mirror.told()][:1] == ["i3"]
    mirror.note(added(text("long", "user", "b" * TEXT_BYTES_MAX)))
    assert [item["id"] for item in mirror.told()] == ["long"]
    mirror.note(added(text("longer", "user", "c" * TEXT_BYTES_MAX * 2)))
    assert [item["id"] for item in mirror.told()] == ["longer"]


def test_events_about_unknown_items_change_nothing():
    cut = {"item_id": "x", "content_index": 0, "audio_end_ms": 1}
    mirror = mirrored(
        said("x", "Hello."),
        transcribed("x", "Hello."),
        event("conversation.item.deleted", item_id="x"),
        event("conversation.item.truncated", **cut),
    )
    mirror.hear("x", 100)
    assert mirror.told() == []
    assert mirror.last_id is None
