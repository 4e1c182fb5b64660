import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local.events import ReplyDone, ReplyFailed, ReplyText, ReplyTool, ReplyUsage
from voicehub.engines.local.response import AHEAD_MS_MAX, REPLY_CHARACTERS_MAX

OPENED = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
TRANSCRIPT = "response.output_audio_transcript.delta"
AUDIO = "response.output_audio.delta"
CLOSED = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
]
DONE = ["response.done", "rate_limits.updated"]
TOOL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "conversation.item.done",
]


@pytest.fixture
def asked(dialogue):
    """A dialogue whose agent has been asked something."""
    dialogue.user_text("Hello there.")
    dialogue.send("response.create")
    return dialogue


def test_an_audio_response_gives_its_events_in_order(asked):
    asked.take()
    asked.reply("Hi. ", done=False)
    assert asked.take() == OPENED
    asked.spoken(500)
    assert asked.take() == [TRANSCRIPT, AUDIO, AUDIO, AUDIO]
    asked.reply("How are you?")
    assert asked.take() == []
    asked.spoken(200, last=False)
    assert asked.take() == [TRANSCRIPT, AUDIO]
    asked.spoken(100)
    assert asked.take() == [AUDIO, *CLOSED, *DONE]


def test_first_audio_leaves_before_the_reply_has_ended(asked):
    asked.reply("Hi. ", "And", done=False)
    asked.spoken(500)
    assert AUDIO in asked.kinds()
    assert "response.done" not in asked.kinds()


def test_the_parts_of_an_audio_response_have_the_shapes_that_strict_clients_want(asked):
    created = asked.body("response.created")["response"]
    assert created["object"] == "realtime.response"
    assert created["status"] == "in_progress"
    assert created["output"] == []
    assert created["conversation_id"] == "conv_2"
    assert isinstance(created["audio"]["output"]["voice"], str)
    asked.reply("Hi. ", "How are you?")
    asked.spoken(500)
    asked.spoken(500)
    assert asked.body("response.output_item.added")["item"]["content"] == []
    added = asked.body("response.content_part.added")
    assert added["part"] == {"type": "audio", "transcript": ""}
    transcript = "".join(f.body["delta"] for f in asked.frames if f.type == TRANSCRIPT)
    assert transcript == "Hi. How are you?"
    assert asked.body(CLOSED[1])["transcript"] == transcript
    assert asked.body(CLOSED[2])["part"] == {"type": "audio", "transcript": transcript}
    item = asked.body("response.output_item.done")["item"]
    assert item["content"] == [{"type": "output_audio", "transcript": transcript}]
    assert item["status"] == "completed"
    assert asked.body("response.done")["response"]["output"] == [item]
    assert {limit["name"] for limit in asked.body("rate_limits.updated")["rate_limits"]} == {
        "requests",
        "tokens",
    }
    assert all(frame.body["event_id"] for frame in asked.frames)


def test_audio_goes_out_in_the_output_format_in_short_pieces(new_dialogue, any_format):
    dialogue = new_dialogue(audio={"output": {"format": any_format.as_ga()}})
    dialogue.user_text("Hello.")
    dialogue.send("response.create")
    dialogue.reply("Hi.")
    assert next(iter(dialogue.speaks.values())).format is any_format
    dialogue.spoken(1_050)
    pieces = [frame.audio for frame in dialogue.frames if frame.type == AUDIO]
    assert [any_format.duration_ms(len(piece)) for piece in pieces] == [200] * 5 + [50]
    assert all("delta" not in frame.body for frame in dialogue.frames if frame.type == AUDIO)


def test_a_text_response_gives_its_events_in_order(asked):
    asked.reply("")
    asked.send("response.create", response={"output_modalities": ["text"]})
    asked.take()
    asked.reply("Hi", " there.", done=False)
    delta = "response.output_text.delta"
    assert asked.take() == [*OPENED, delta, delta]
    asked.reply()
    assert asked.kinds() == [
        "response.output_text.done",
        *CLOSED[2:],
        *DONE,
    ]
    assert asked.body("response.output_text.done")["text"] == "Hi there."
    assert asked.body("response.content_part.done")["part"] == {"type": "text", "text": "Hi there."}
    assert not asked.speaks


def test_a_tool_is_asked_for_after_the_words_before_it(asked):
    response_id = asked.response_id
    asked.take()
    asked.handle(ReplyText(response_id, "Let me look"))
    asked.handle(ReplyTool(response_id, "weather", '{"city":"Bonn"}', "call_x"))
    asked.handle(ReplyDone(response_id))
    assert asked.take() == OPENED
    asked.spoken(400)
    assert asked.kinds() == [TRANSCRIPT, AUDIO, AUDIO, *CLOSED, *TOOL, *DONE]
    done = asked.body("response.function_call_arguments.done")
    assert done["name"] == "weather"
    assert done["call_id"] == "call_x"
    assert done["arguments"] == '{"city":"Bonn"}'
    assert done["output_index"] == 1
    assert "content_index" not in done


def test_the_output_of_a_tool_is_in_the_next_prompt(asked):
    response_id = asked.response_id
    asked.handle(ReplyTool(response_id, "weather", "{}"))
    asked.handle(ReplyDone(response_id))
    call_id = asked.body("response.function_call_arguments.done")["call_id"]
    item = {"type": "function_call_output", "call_id": call_id, "output": "Rain"}
    asked.send("conversation.item.create", item=item)
    asked.send("response.create")
    turns = asked.replies[asked.response_id].prompt.turns
    assert [(t.role, t.text, t.call_id) for t in turns[1:]] == [
        ("tool_call", "{}", call_id),
        ("tool_output", "Rain", call_id),
    ]


def test_a_reply_of_nothing_completes_without_output(asked):
    asked.take()
    asked.reply()
    assert asked.kinds() == DONE
    response = asked.body("response.done")["response"]
    assert response["status"] == "completed"
    assert response["output"] == []


def test_a_sentence_without_a_sound_keeps_its_transcript(asked):
    asked.reply("(…)")
    asked.take()
    asked.spoken(0)
    assert asked.take() == [TRANSCRIPT, *CLOSED, *DONE]


def test_a_failed_reply_fails_the_response_and_no_error_event_is_sent(asked):
    asked.reply("Hi. ", done=False)
    asked.spoken(100)
    asked.take()
    asked.handle(ReplyFailed(asked.response_id, "engine_failed", "The endpoint is gone."))
    assert asked.kinds() == [*CLOSED, *DONE]
    response = asked.body("response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "engine_failed"
    assert response["output"][0]["status"] == "incomplete"


def test_usage_is_counted_in_duration_tokens(dialogue):
    dialogue.said()
    dialogue.user_text("12345")
    dialogue.reply("Hi.")
    dialogue.spoken(1_010)
    usage = dialogue.body("response.done")["response"]["usage"]
    # 300 ms of padding that was there, 640 of speech, 512 of silence.
    assert usage["input_token_details"]["audio_tokens"] == 15
    assert usage["input_token_details"]["text_tokens"] == 0
    assert usage["output_token_details"] == {"text_tokens": 0, "audio_tokens": 21}
    assert usage["total_tokens"] == 36
    dialogue.send("response.create")
    dialogue.reply("Yes.")
    dialogue.spoken(50)
    usage = dialogue.body("response.done")["response"]["usage"]
    # Counted once: the audio before, now only the text.
    assert usage["input_token_details"]["audio_tokens"] == 0
    assert usage["input_token_details"]["text_tokens"] == 2
    assert usage["output_tokens"] == 1


def test_text_tokens_are_the_endpoints_where_it_counts_them(asked):
    asked.handle(ReplyUsage(asked.response_id, 120, 9, 100))
    asked.reply("Hi.")
    asked.spoken(100)
    usage = asked.body("response.done")["response"]["usage"]
    assert usage["input_token_details"]["text_tokens"] == 120
    assert usage["input_token_details"]["cached_tokens"] == 100
    assert usage["output_token_details"] == {"text_tokens": 9, "audio_tokens": 2}
    assert usage["output_tokens"] == 11


def test_the_token_limit_ends_speech_as_incomplete(dialogue):
    dialogue.user_text("Hello.")
    dialogue.send("response.create", response={"max_output_tokens": 5})
    dialogue.reply("Hi. And more. And more.")
    dialogue.spoken(400)
    response = dialogue.body("response.done")["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["usage"]["output_tokens"] == 5
    audio = b"".join(frame.audio for frame in dialogue.frames if frame.type == AUDIO)
    assert AudioFormat.PCM.duration_ms(len(audio)) == 250
    assert response["id"] in dialogue.cancelled


def test_the_token_limit_cuts_text_between_characters(dialogue):
    dialogue.user_text("Hello.")
    options = {"max_output_tokens": 1, "output_modalities": ["text"]}
    dialogue.send("response.create", response=options)
    dialogue.reply("äää")
    assert dialogue.body("response.output_text.done")["text"] == "ää"
    assert dialogue.body("response.done")["response"]["status"] == "incomplete"


def test_speech_waits_while_the_client_has_enough_to_play(asked):
    asked.reply("One. ", "Two.")
    asked.spoken(AHEAD_MS_MAX + 5_000)
    assert not asked.speaks
    assert asked.conversation.deadline_ms() == asked.now_ms + 5_000
    asked.tick()
    assert next(iter(asked.speaks.values())).text == " Two."
    asked.spoken(100)
    assert asked.kinds()[-1] == "rate_limits.updated"


def test_an_endless_reply_is_ended(asked):
    asked.reply("x" * (REPLY_CHARACTERS_MAX + 1), done=False)
    assert asked.body("response.done")["response"]["status"] == "incomplete"


def test_latency_of_a_spoken_turn_is_told_by_parts(dialogue):
    dialogue.speak(640)
    dialogue.quiet(512)
    dialogue.now_ms += 20
    dialogue.transcribed("Hello.")
    dialogue.now_ms += 30
    dialogue.reply("Hi.")
    dialogue.now_ms += 25
    dialogue.spoken(100)
    assert dialogue.body("response.done")["response"]["voicehub"] == {
        "latency_ms": {
            "vad_silence": 512,
            "speech_to_text": 20,
            "reply": 30,
            "first_synthesis": 25,
            "total": 587,
        }
    }


def test_speed_of_the_session_reaches_speech(new_dialogue):
    dialogue = new_dialogue(audio={"output": {"speed": 1.25}})
    dialogue.user_text("Hello.")
    dialogue.send("response.create")
    dialogue.reply("Hi.")
    assert next(iter(dialogue.speaks.values())).speed == 1.25


def test_latency_of_push_to_talk_has_no_silence(push_to_talk):
    push_to_talk.push(500)
    push_to_talk.send("input_audio_buffer.commit")
    push_to_talk.send("response.create")
    push_to_talk.now_ms += 40
    push_to_talk.transcribed("Hello.")
    push_to_talk.answered()
    latency = push_to_talk.body("response.done")["response"]["voicehub"]["latency_ms"]
    assert latency["vad_silence"] == 0
    assert latency["total"] == latency["speech_to_text"] == 40
