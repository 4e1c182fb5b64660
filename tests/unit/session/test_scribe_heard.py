"""An agent that is cut short: the line has the words that were heard."""

from tests.sessions import Live, effective
from tests.unit.session.test_scribe import begin_reply, end_reply


def test_a_reply_that_is_told_sentence_by_sentence_is_cut_in_the_right_one():
    live = Live()
    begin_reply(live)
    place = {"item_id": "item_a", "response_id": "resp_1", "content_index": 0}
    for words, duration_ms in (("Yes, of course.", 4_000), (" It is slow.", 2_000)):
        live.engine("response.output_audio_transcript.delta", delta=words, **place)
        live.agent_audio(duration_ms)
    end_reply(live, "Yes, of course. It is slow.", status="completed")
    for heard_ms, words in ((5_000, "Yes, of course. It is"), (3_000, "Yes, of"), (0, "")):
        live.engine("conversation.item.truncated", item_id="item_a", audio_end_ms=heard_ms)
        assert live.lines()[-1]["transcript"] == words
    assert live.lines()[0]["transcript"] == "Yes, of course. It is slow."


def test_a_reply_in_text_is_not_cut_by_a_barge_in():
    live = Live(session=effective(output_modalities=["text"]))
    begin_reply(live)
    place = {"response_id": "resp_1", "item_id": "item_a", "content_index": 0}
    live.engine("response.output_text.delta", delta="Good day.", **place)
    live.speak(1_000)
    live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=500)
    message = {"id": "item_a", "type": "message", "role": "assistant", "status": "incomplete"}
    live.engine("response.output_text.done", text="Good day.", **place)
    live.engine("response.output_item.done", item=message, **place)
    assert live.lines()[-1]["transcript"] == "Good day."
    assert live.lines()[-1]["interrupted"]
