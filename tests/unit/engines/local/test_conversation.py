import base64

import pybase64
import pytest
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import TypeAdapter

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.conversation import Conversation
from voicehub.engines.local.effects import TranscribeRaw
from voicehub.engines.local.events import ReplyFailed, ReplyTool, TranscribeFailed
from voicehub.errors import ClientError

SERVER_EVENT = TypeAdapter(RealtimeServerEvent)
TURN = ["conversation.item.added", "conversation.item.done"]


def ids(dialogue):
    """The conversation's order, rebuilt from the events as a client does."""
    order = []
    for frame in dialogue.frames:
        if frame.type == "conversation.item.added":
            before = frame.body["previous_item_id"]
            order.insert(0 if before is None else order.index(before) + 1, frame.body["item"]["id"])
    return order


def test_the_effective_session_is_whole(dialogue):
    session = dialogue.conversation.session
    assert session["id"] == "sess_1"
    assert session["object"] == "realtime.session"
    assert session["type"] == "realtime"
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


def test_a_session_that_cannot_be_is_refused():
    with pytest.raises(ClientError):
        Conversation({"output_modalities": ["smell"]}, lambda prefix: prefix)


def test_an_update_is_applied_whole_or_not_at_all(dialogue):
    before = dialogue.conversation.session
    dialogue.send(
        "session.update",
        event_id="mine",
        session={"type": "realtime", "instructions": "New.", "tools": "none"},
    )
    assert dialogue.error()["param"] == "session.tools"
    assert dialogue.error()["event_id"] == "mine"
    assert dialogue.conversation.session == before
    dialogue.take()
    dialogue.send("session.update", session={"type": "realtime", "instructions": "New."})
    assert dialogue.body("session.updated")["session"]["instructions"] == "New."
    assert dialogue.take() == ["session.updated"]


def test_items_are_created_where_previous_item_id_says(dialogue):
    dialogue.user_text("b", previous_item_id=None)
    first = ids(dialogue)[0]
    dialogue.user_text("c")
    dialogue.user_text("a", previous_item_id="root")
    dialogue.user_text("b2", previous_item_id=first)
    dialogue.send("response.create")
    turns = dialogue.replies[dialogue.response_id].prompt.turns
    assert [turn.text for turn in turns] == ["a", "b", "b2", "c"]
    assert len(ids(dialogue)) == 4
    assert dialogue.kinds() == TURN * 4 + ["response.created"]


def test_an_unknown_previous_item_is_refused(dialogue):
    dialogue.user_text("a", previous_item_id="nobody")
    assert dialogue.error()["param"] == "previous_item_id"
    assert dialogue.kinds() == ["error"]


def test_a_second_item_of_one_id_is_refused(dialogue):
    item = {
        "id": "mine",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "a"}],
    }
    dialogue.send("conversation.item.create", item=item)
    dialogue.send("conversation.item.create", item=item)
    assert dialogue.error()["code"] == "item_create_duplicate_item_id"


def test_the_id_of_the_turn_being_spoken_is_taken(dialogue):
    dialogue.speak(640)
    item_id = dialogue.body("input_audio_buffer.speech_started")["item_id"]
    item = {"id": item_id, "type": "message", "role": "user", "content": []}
    dialogue.send("conversation.item.create", item=item)
    assert dialogue.error()["code"] == "item_create_duplicate_item_id"


def test_audio_items_are_transcribed(new_dialogue, any_format):
    dialogue = new_dialogue(audio={"input": {"format": any_format.as_ga()}})
    raw = bytes(any_format.bytes_per_ms * 1_500)
    content = [{"type": "input_audio", "audio": base64.b64encode(raw).decode()}]
    item = {"type": "message", "role": "user", "content": content}
    dialogue.send("conversation.item.create", item=item)
    shown = dialogue.body("conversation.item.added")["item"]["content"]
    assert shown == [{"type": "input_audio", "transcript": None}]
    (job,) = dialogue.jobs.values()
    assert isinstance(job, TranscribeRaw)
    assert job.raw == raw
    assert job.format is any_format
    dialogue.send("response.create")
    assert not dialogue.replies
    dialogue.transcribed("Hello there.")
    completed = dialogue.body("conversation.item.input_audio_transcription.completed")
    assert completed["usage"]["seconds"] == 1.5
    assert dialogue.replies[dialogue.response_id].prompt.turns[0].text == "Hello there."


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([{"type": "input_audio", "audio": "not base64!"}], "invalid_value"),
        ([{"type": "input_audio", "audio": "AAA="[:4]}], None),
        ([{"type": "input_audio", "audio": 7}], "invalid_value"),
        ([{"type": "input_audio"}], "missing_required_parameter"),
        ([{"type": "input_image", "image_url": "data:"}], "unsupported_content_type"),
        ([{"type": "input_text"}], "missing_required_parameter"),
        ([{"type": "input_text", "text": 5}], "invalid_value"),
        ([{"type": "output_text", "text": "x"}], "unsupported_content_type"),
        ("words", "invalid_value"),
    ],
)
def test_odd_content_is_refused(dialogue, content, code):
    item = {"type": "message", "role": "user", "content": content}
    kinds = dialogue.send("conversation.item.create", item=item)
    if code is None:
        assert kinds == TURN
    else:
        assert dialogue.error()["code"] == code
        assert kinds == ["error"]


def test_assistant_audio_cannot_be_created(dialogue):
    content = [{"type": "output_audio", "audio": "AAAA"}]
    item = {"type": "message", "role": "assistant", "content": content}
    dialogue.send("conversation.item.create", item=item)
    assert dialogue.error()["code"] == "unsupported_content_type"


def test_retrieve_gives_the_item(dialogue):
    dialogue.said("Hello there.")
    item_id = dialogue.body("input_audio_buffer.committed")["item_id"]
    dialogue.send("conversation.item.retrieve", item_id=item_id)
    item = dialogue.body("conversation.item.retrieved")["item"]
    assert item["content"] == [{"type": "input_audio", "transcript": "Hello there."}]
    dialogue.send("conversation.item.retrieve", item_id="nobody")
    assert dialogue.error()["code"] == "item_retrieve_invalid_item_id"


def test_delete_takes_the_item_away(dialogue):
    dialogue.user_text("a")
    item_id = ids(dialogue)[0]
    dialogue.take()
    assert dialogue.send("conversation.item.delete", item_id=item_id) == [
        "conversation.item.deleted"
    ]
    dialogue.send("conversation.item.delete", item_id=item_id)
    assert dialogue.kinds()[-1] == "error"
    dialogue.send("response.create")
    assert dialogue.replies[dialogue.response_id].prompt.turns == ()


def test_deleting_a_turn_whose_transcript_is_awaited_leaves_nothing_waiting(dialogue):
    dialogue.speak(640)
    dialogue.quiet(512)
    item_id = dialogue.body("input_audio_buffer.committed")["item_id"]
    dialogue.send("conversation.item.delete", item_id=item_id)
    assert not dialogue.jobs
    dialogue.said("Again.")
    assert dialogue.kinds().count("response.created") == 1


def test_truncate_keeps_only_what_was_heard(dialogue):
    dialogue.said()
    dialogue.reply("One two. ", "Three four five six.")
    dialogue.spoken(1_000)
    dialogue.spoken(2_000)
    item_id = dialogue.body("response.done")["response"]["output"][0]["id"]
    dialogue.take()
    dialogue.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=2_000
    )
    assert dialogue.body("conversation.item.truncated")["audio_end_ms"] == 2_000
    assert dialogue.take() == ["conversation.item.truncated"]
    dialogue.send("conversation.item.retrieve", item_id=item_id)
    assert dialogue.body("conversation.item.retrieved")["item"]["content"] == [
        {"type": "output_audio", "transcript": "One two. Three"}
    ]
    dialogue.said("Stop.")
    turns = dialogue.replies[dialogue.response_id].prompt.turns
    # Half of the second sentence; a word that was only begun was not heard.
    assert turns[1].text == "One two. Three"


def test_after_a_barge_in_the_model_remembers_what_was_heard(dialogue):
    dialogue.said()
    dialogue.reply("One two. ", "Three four five six.")
    dialogue.spoken(1_000)
    dialogue.spoken(8_000)
    item_id = dialogue.body("response.done")["response"]["output"][0]["id"]
    dialogue.quiet(512)
    dialogue.said("Stop.")
    turns = dialogue.replies[dialogue.response_id].prompt.turns
    assert turns[1].text == "One two."
    # The client knows better, and says so within what it was given.
    for heard_ms, words in ((9_000, "One two. Three four five six."), (500, "One")):
        dialogue.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms
        )
        dialogue.send("conversation.item.retrieve", item_id=item_id)
        [part] = dialogue.body("conversation.item.retrieved")["item"]["content"]
        assert part["transcript"] == words


def test_a_reply_that_was_heard_out_is_remembered_whole(dialogue):
    dialogue.said()
    dialogue.answered("One two three.", duration_ms=500)
    dialogue.said("And?")
    turns = dialogue.replies[dialogue.response_id].prompt.turns
    assert turns[1].text == "One two three."


def test_truncating_what_is_being_spoken_stops_it(dialogue):
    dialogue.said()
    dialogue.reply("One two. ", "Three.", done=False)
    dialogue.spoken(1_000)
    item_id = dialogue.body("response.output_item.added")["item"]["id"]
    dialogue.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    assert dialogue.body("response.done")["response"]["status"] == "cancelled"
    assert dialogue.kinds()[-1] == "conversation.item.truncated"
    assert not dialogue.speaks


@pytest.mark.parametrize(
    "body",
    [
        {"item_id": "nobody", "content_index": 0, "audio_end_ms": 0},
        {"content_index": 1, "audio_end_ms": 0},
        {"content_index": "0", "audio_end_ms": 0},
        {"content_index": 0, "audio_end_ms": 1_001},
        {"content_index": 0, "audio_end_ms": -1},
        {"content_index": 0, "audio_end_ms": 10**400},
        {"content_index": 0, "audio_end_ms": float("nan")},
        {"content_index": 0},
    ],
)
def test_an_impossible_truncate_is_refused(dialogue, body):
    dialogue.said()
    item_id = dialogue.answered(duration_ms=1_000)
    dialogue.take()
    assert dialogue.send("conversation.item.truncate", **{"item_id": item_id, **body}) == ["error"]


def test_a_user_item_cannot_be_truncated(dialogue):
    dialogue.said()
    item_id = dialogue.body("input_audio_buffer.committed")["item_id"]
    dialogue.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    assert dialogue.error()["param"] == "item_id"


def test_an_unknown_event_is_an_error_and_the_session_goes_on(dialogue):
    dialogue.send("conversation.dance", event_id="mine")
    assert dialogue.error()["event_id"] == "mine"
    dialogue.said()
    assert dialogue.kinds()[-1] == "response.created"


def test_all_formats_are_taken_by_session_update(dialogue, any_format):
    audio = {"input": {"format": any_format.as_ga()}, "output": {"format": any_format.as_ga()}}
    dialogue.send("session.update", session={"type": "realtime", "audio": audio})
    shown = dialogue.body("session.updated")["session"]["audio"]
    assert shown["input"]["format"] == shown["output"]["format"] == any_format.as_ga()
    dialogue.send("input_audio_buffer.append", raw=bytes(any_format.bytes_per_ms * 20))
    assert dialogue.listened[0].format is any_format
    assert AudioFormat.from_ga(shown["input"]["format"], "x") is any_format


def test_every_event_is_one_that_the_openai_package_knows(dialogue):
    dialogue.said()
    dialogue.reply("Once upon a time. ", done=False)
    dialogue.spoken(500)
    dialogue.said("Stop.")
    item_id = dialogue.body("response.done")["response"]["output"][0]["id"]
    dialogue.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=9)
    dialogue.send("conversation.item.retrieve", item_id=item_id)
    response_id = dialogue.response_id
    dialogue.handle(ReplyTool(response_id, "look", "{}"))
    dialogue.handle(ReplyFailed(response_id, "engine_failed", "Gone."))
    dialogue.send("response.create", response={"output_modalities": ["text"]})
    dialogue.reply("Hi.")
    dialogue.send("session.update", session={"type": "realtime", "instructions": "New."})
    dialogue.send("conversation.item.delete", item_id=item_id)
    dialogue.send("input_audio_buffer.clear")
    dialogue.send("input_audio_buffer.commit")
    dialogue.speak(640)
    dialogue.quiet(512)
    dialogue.handle(TranscribeFailed(next(iter(dialogue.jobs)), "Gone."))
    assert len(set(dialogue.kinds())) >= 26
    for frame in dialogue.frames:
        body = dict(frame.body)
        if frame.audio is not None:
            body["delta"] = pybase64.b64encode(frame.audio).decode()
        SERVER_EVENT.validate_python(body, strict=True)
