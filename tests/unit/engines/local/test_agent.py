import pytest

from voicehub.engines.local.agent import OUT_OF_BAND_MAX
from voicehub.engines.local.events import ReplyDone, ReplyText, Spoken

CLOSED = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
    "rate_limits.updated",
]


def test_barge_in_cancels_in_the_window_that_decides(dialogue):
    dialogue.said("Tell me a story.")
    dialogue.reply("Once upon a time. ", "There was a king.", done=False)
    dialogue.spoken(2_000)
    dialogue.take()
    dialogue.hear(0.9)
    assert dialogue.take() == []
    dialogue.hear(0.9)
    assert dialogue.kinds() == ["input_audio_buffer.speech_started", *CLOSED]
    response = dialogue.body("response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"]["audio_tokens"] == 40
    assert not dialogue.speaks
    assert not dialogue.replies


def test_late_audio_of_a_cancelled_reply_is_dropped(dialogue):
    dialogue.said()
    response_id = dialogue.response_id
    dialogue.reply("Hi there.", done=False)
    dialogue.speak(64)
    dialogue.take()
    dialogue.handle(ReplyText(response_id, "More."))
    dialogue.handle(Spoken(response_id, bytes(4_800), last=True))
    dialogue.handle(ReplyDone(response_id))
    assert dialogue.take() == []


def test_a_new_response_follows_the_barge_in(dialogue):
    dialogue.said()
    dialogue.reply("Once upon a time. ", done=False)
    dialogue.spoken(1_000)
    dialogue.said("Stop.")
    assert dialogue.kinds().count("response.created") == 2
    turns = dialogue.replies[dialogue.response_id].prompt.turns
    assert [(t.role, t.text) for t in turns] == [
        ("user", "Hello there."),
        ("assistant", "Once upon"),
        ("user", "Stop."),
    ]


def test_without_interruption_the_answer_waits_for_the_response_to_end(new_dialogue):
    dialogue = new_dialogue(
        audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}
    )
    dialogue.said("One.")
    dialogue.said("Two.")
    assert dialogue.kinds().count("response.created") == 1
    dialogue.answered()
    assert dialogue.kinds().count("response.created") == 2
    assert dialogue.body("response.done")["response"]["status"] == "completed"


def test_only_one_response_of_the_conversation_at_a_time(dialogue):
    dialogue.user_text("Hello.")
    dialogue.send("response.create")
    dialogue.send("response.create", event_id="second")
    error = dialogue.error()
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "second"
    assert dialogue.kinds().count("response.created") == 1


def test_response_cancel_ends_the_active_response(dialogue):
    dialogue.user_text("Hello.")
    dialogue.send("response.create")
    dialogue.take()
    dialogue.send("response.cancel")
    details = dialogue.body("response.done")["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "client_cancelled"}
    assert dialogue.take() == ["response.done", "rate_limits.updated"]
    dialogue.send("response.cancel")
    error = dialogue.error()
    assert error["code"] == "response_cancel_not_active"
    assert error["message"].startswith("Cancellation failed")


def test_response_cancel_by_id_refuses_another_id(dialogue):
    dialogue.user_text("Hello.")
    dialogue.send("response.create")
    dialogue.send("response.cancel", response_id="resp_other")
    assert dialogue.error()["code"] == "response_cancel_not_active"
    dialogue.send("response.cancel", response_id=dialogue.response_id)
    assert dialogue.kinds()[-2:] == ["response.done", "rate_limits.updated"]


def test_overrides_and_metadata_of_response_create_hold_for_it_alone(dialogue):
    dialogue.user_text("Hello.")
    tool = {"type": "function", "name": "look", "description": "Looks.", "parameters": {}}
    dialogue.send(
        "response.create",
        response={
            "instructions": "Be brief.",
            "output_modalities": ["text"],
            "tools": [tool],
            "tool_choice": {"type": "function", "name": "look"},
            "max_output_tokens": 50,
            "metadata": {"client_event_id": "x1"},
        },
    )
    created = dialogue.body("response.created")["response"]
    assert created["metadata"] == {"client_event_id": "x1"}
    assert created["output_modalities"] == ["text"]
    assert created["max_output_tokens"] == 50
    prompt = dialogue.replies[dialogue.response_id].prompt
    assert prompt.instructions == "Be brief."
    assert prompt.tools[0].name == "look"
    assert prompt.tool_choice.name == "look"
    assert prompt.max_output_tokens == 50
    dialogue.reply("Hi.")
    assert dialogue.body("response.done")["response"]["metadata"] == {"client_event_id": "x1"}
    dialogue.send("response.create")
    assert dialogue.replies[dialogue.response_id].prompt.instructions == "You are Ava."
    assert dialogue.body("response.created")["response"]["metadata"] is None


def test_an_out_of_band_response_leaves_the_conversation_alone(dialogue):
    dialogue.user_text("Hello.")
    dialogue.send("response.create")
    dialogue.take()
    content = [{"type": "input_text", "text": "Classify this."}]
    dialogue.send(
        "response.create",
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [{"type": "message", "role": "user", "content": content}],
        },
    )
    assert dialogue.body("response.created")["response"]["conversation_id"] is None
    prompt = dialogue.replies[dialogue.response_id].prompt
    assert [turn.text for turn in prompt.turns] == ["Classify this."]
    dialogue.reply("Fine.")
    assert not any(kind.startswith("conversation.item") for kind in dialogue.kinds())
    assert dialogue.kinds()[-2:] == ["response.done", "rate_limits.updated"]
    usage = dialogue.body("response.done")["response"]["usage"]
    assert usage["input_token_details"]["text_tokens"] == 4
    dialogue.send("response.cancel")
    assert "error" not in dialogue.kinds()


def test_input_may_refer_to_items_and_bring_audio(dialogue):
    dialogue.user_text("Hello.")
    item_id = dialogue.body("conversation.item.done")["item"]["id"]
    content = [{"type": "input_audio", "audio": "AAAA" * 2_400}]
    dialogue.send(
        "response.create",
        response={
            "conversation": "none",
            "input": [
                {"type": "item_reference", "id": item_id},
                {"type": "message", "role": "user", "content": content},
            ],
        },
    )
    assert not dialogue.replies
    dialogue.take()
    dialogue.transcribed("And this.")
    assert dialogue.take() == []
    prompt = dialogue.replies[dialogue.response_id].prompt
    assert [turn.text for turn in prompt.turns] == ["Hello.", "And this."]


def test_empty_input_clears_what_the_model_sees(dialogue):
    dialogue.user_text("Hello.")
    dialogue.send("response.create", response={"input": []})
    assert dialogue.replies[dialogue.response_id].prompt.turns == ()


def test_out_of_band_responses_are_bounded(dialogue):
    for _ in range(OUT_OF_BAND_MAX + 1):
        dialogue.send("response.create", response={"conversation": "none"})
    assert dialogue.error()["code"] == "rate_limit_exceeded"
    assert dialogue.kinds().count("response.created") == OUT_OF_BAND_MAX


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "response.output_modalities"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
        ({"tools": [{"type": "mcp"}]}, "response.tools[0].type"),
        ({"metadata": {"a": 1}}, "response.metadata"),
        ({"conversation": "other"}, "response.conversation"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "response.input[0].id"),
        ({"audio": {"output": {"format": {"type": "mp3"}}}}, "response.audio.output.format.type"),
        ("text", "response"),
    ],
)
def test_odd_options_are_refused_by_name(dialogue, response, param):
    dialogue.send("response.create", response=response)
    assert dialogue.error()["param"] == param
    assert dialogue.kinds() == ["error"]


def test_the_voice_of_a_response_cannot_change_after_the_first_audio(dialogue):
    dialogue.said()
    dialogue.answered()
    dialogue.send("response.create", response={"audio": {"output": {"voice": "cedar"}}})
    assert dialogue.error()["code"] == "cannot_update_voice"


def test_a_response_of_the_client_answers_the_turn_that_waits(dialogue):
    dialogue.speak(640)
    dialogue.quiet(512)
    dialogue.send("response.create")
    dialogue.transcribed("Hello.")
    dialogue.answered()
    assert dialogue.kinds().count("response.created") == 1
