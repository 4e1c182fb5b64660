from voicehub.client.transcript import LINES_MAX, Transcript

TURN_DETECTION = {"prefix_padding_ms": 300}
CREATED = {"session": {"audio": {"input": {"turn_detection": TURN_DETECTION}}}}


def test_a_user_line_starts_where_the_speech_begins_not_where_its_padding_does():
    transcript = Transcript()
    transcript.feed("session.created", CREATED, 0)
    speech = {"item_id": "u1", "audio_start_ms": 700}
    assert transcript.feed("input_audio_buffer.speech_started", speech, 1100) is None
    said = {"item_id": "u1", "transcript": "hello"}
    kind = "conversation.item.input_audio_transcription.completed"
    line = transcript.feed(kind, said, 2000)
    assert line is not None
    assert (line.speaker, line.text, line.start_ms, line.finished) == ("user", "hello", 1000, True)


def test_lines_stand_in_the_order_in_which_they_were_said():
    transcript = Transcript()
    transcript.feed("session.created", CREATED, 0)
    speech = {"item_id": "u1", "audio_start_ms": 0}
    transcript.feed("input_audio_buffer.speech_started", speech, 400)
    reply = {"item_id": "a1", "delta": "Good day."}
    transcript.feed("response.output_audio_transcript.delta", reply, 900)
    # The transcription of what was said often comes after the reply to it has begun.
    said = {"item_id": "u1", "transcript": "hello"}
    transcript.feed("conversation.item.input_audio_transcription.completed", said, 1000)
    assert [line.text for line in transcript.lines] == ["hello", "Good day."]


def test_another_engine_counts_from_where_it_began():
    transcript = Transcript()
    transcript.feed("session.created", CREATED, 0)
    for item_id, began_ms in (("u1", 0), ("u2", 60_000)):
        transcript.begin_leg(began_ms)
        speech = {"item_id": item_id, "audio_start_ms": 700}
        transcript.feed("input_audio_buffer.speech_started", speech, began_ms + 900)
    assert [line.start_ms for line in transcript.lines] == [1_000, 61_000]


def test_the_finished_text_replaces_what_grew():
    transcript = Transcript()
    for delta in ("Good ", "dy."):
        kind = "response.output_audio_transcript.delta"
        transcript.feed(kind, {"item_id": "a1", "delta": delta}, 0)
    done = {"item_id": "a1", "transcript": "Good day."}
    line = transcript.feed("response.output_audio_transcript.done", done, 5)
    assert line is not None
    assert line.text == "Good day."


def test_a_reply_in_text_is_a_line_too():
    transcript = Transcript()
    done = {"item_id": "a1", "text": "Good day."}
    line = transcript.feed("response.output_text.done", done, 5)
    assert line is not None
    assert (line.speaker, line.text) == ("agent", "Good day.")


def test_a_truncated_item_is_marked_as_interrupted():
    transcript = Transcript()
    kind = "response.output_audio_transcript.delta"
    transcript.feed(kind, {"item_id": "a1", "delta": "Good"}, 0)
    line = transcript.feed("conversation.item.truncated", {"item_id": "a1"}, 5)
    assert line is not None
    assert line.interrupted
    assert transcript.feed("conversation.item.truncated", {"item_id": "a9"}, 5) is None


def test_push_to_talk_has_no_padding_to_add():
    transcript = Transcript()
    transcript.feed("session.created", {"session": {"audio": {"input": {}}}}, 0)
    said = {"item_id": "u1", "transcript": "hello"}
    kind = "conversation.item.input_audio_transcription.completed"
    line = transcript.feed(kind, said, 1234)
    assert line is not None
    assert line.start_ms == 1234


def test_old_lines_are_forgotten():
    transcript = Transcript()
    for number in range(LINES_MAX + 10):
        done = {"item_id": str(number), "text": "x"}
        transcript.feed("response.output_text.done", done, number)
    assert len(transcript.lines) == LINES_MAX
    assert transcript.lines[0].item_id == "10"
