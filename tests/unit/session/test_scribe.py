"""Turns: who said what and when, what the client is shown after it is kept, and what it cost."""

import numpy as np
import pytest

from tests.sessions import WALL_MS, Live, effective, usage
from voicehub.session.commands import Book, Record, ToClient
from voicehub.session.events import EngineSent
from voicehub.session.transcript import timestamp

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


def user_turn(live, item="item_u", start_ms=1_000, end_ms=3_000):
    """The caller speaks until `end_ms` of all audio, and half a second of silence ends it."""
    words = live.engine(
        "input_audio_buffer.speech_started", item_id=item, audio_start_ms=start_ms - 300
    )
    live.speak(end_ms + 500 - round(live.session._scribe.timeline.input_ms))
    live.engine("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end_ms + 500)
    live.engine("input_audio_buffer.committed", item_id=item, previous_item_id=None)
    message = {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    live.engine("conversation.item.added", item=message, previous_item_id=None)
    live.engine("conversation.item.done", item=message, previous_item_id=None)
    return words


def begin_reply(live, item="item_a", response="resp_1", previous="item_u", **fields):
    words = live.engine("response.created", response={"id": response, **fields})
    message = {"id": item, "type": "message", "role": "assistant", "content": []}
    place = {"response_id": response, "output_index": 0}
    live.engine("response.output_item.added", item=message, **place)
    live.engine("conversation.item.added", item=message, previous_item_id=previous)
    return words


def end_reply(live, words, item="item_a", response="resp_1", status="completed", **fields):
    place = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    seen = live.engine("response.output_audio_transcript.done", transcript=words, **place)
    message = {"id": item, "type": "message", "role": "assistant", "status": status}
    seen += live.engine("response.output_item.done", item=message, **place)
    seen += live.engine("conversation.item.done", item=message, previous_item_id=None)
    response = {"id": response, "status": status, **fields}
    return seen + live.engine("response.done", response=response)


def test_a_turn_and_its_reply_with_the_words_of_the_caller_coming_late():
    live = Live()
    live.speak(1_200)
    assert user_turn(live) == ["client input_audio_buffer.speech_started"]
    book = max(each.sequence for each in live.all if isinstance(each, Book))
    assert begin_reply(live) == ["client response.created", f"book {book + 1}"]
    assert live.agent_audio(500) == ["client response.output_audio.delta"]
    live.wait(200)
    live.agent_audio(500)
    words = live.engine(COMPLETED, item_id="item_u", content_index=0, transcript=" Hello there. ")
    assert words == ["line 1 user: Hello there.", f"book {book + 2}", f"client {COMPLETED} held"]
    assert end_reply(live, "Good day.", usage=usage(20, 30, 10, 5)) == [
        "line 2 agent: Good day.",
        "client response.output_audio_transcript.done held",
        "client response.output_item.done",
        "client conversation.item.done",
        f"book {book + 3}",
        "client response.done held",
    ]
    user, agent = live.lines()
    assert (user["start_ms"], user["end_ms"]) == (1_000, 3_000)
    assert user["timestamp"] == timestamp(WALL_MS + 1_000)
    assert (agent["start_ms"], agent["end_ms"]) == (3_500, 4_500)
    assert user["order"] < agent["order"]
    assert live.booked()["audio_tokens"] == 30
    assert live.booked()["text_tokens"] == 35


def test_the_order_is_the_conversations_and_not_that_of_arrival():
    live = Live()
    live.speak(1_200)
    user_turn(live, "u1")
    begin_reply(live, "a1", "r1", "u1")
    live.agent_audio(300, item="a1", response="r1")
    end_reply(live, "First.", "a1", "r1")
    live.speak(2_000)
    user_turn(live, "u2", start_ms=5_000, end_ms=6_000)
    live.engine(COMPLETED, item_id="u2", transcript="Second question.")
    live.engine(COMPLETED, item_id="u1", transcript="First question.")
    lines = sorted(live.lines(), key=lambda line: line["order"])
    assert [line["item_id"] for line in lines] == ["u1", "a1", "u2"]


def test_a_reply_in_text_is_a_line_without_audio():
    live = Live(session=effective(output_modalities=["text"]))
    begin_reply(live)
    live.wait(100)
    place = {"response_id": "resp_1", "item_id": "item_a", "content_index": 0}
    live.engine("response.output_text.delta", delta="Good ", **place)
    live.engine("response.output_text.delta", delta="day.", **place)
    assert live.engine("response.output_text.done", text="Good day.", **place) == [
        "line 1 agent: Good day.",
        "client response.output_text.done held",
    ]
    message = {
        "id": "item_a",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Good day."}],
    }
    assert live.engine("conversation.item.done", item=message) == ["client conversation.item.done"]
    assert live.lines()[0]["start_ms"] == 100


def test_what_the_caller_types_is_a_line():
    live = Live()
    live.wait(700)
    message = {
        "id": "item_t",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Typed\0 words"}],
    }
    live.engine("conversation.item.added", item=message, previous_item_id=None)
    assert live.engine("conversation.item.done", item=message) == [
        "line 1 user: Typed words",
        "client conversation.item.done held",
    ]
    assert live.lines()[0]["start_ms"] == 700


def test_tool_items_and_empty_words_are_no_lines():
    live = Live()
    item = {"id": "f", "type": "function_call", "name": "look", "arguments": "{}"}
    live.engine("conversation.item.added", item=item)
    assert live.engine("conversation.item.done", item=item) == ["client conversation.item.done"]
    assert live.engine(COMPLETED, item_id="u", transcript="  ") == [
        "book 2",
        f"client {COMPLETED} held",
    ]
    assert live.engine(FAILED, item_id="u") == [f"client {FAILED}"]


def test_barge_in_cuts_a_reply_in_flight():
    live = Live()
    begin_reply(live)
    live.agent_audio(8_000)
    live.engine("response.output_audio_transcript.delta", item_id="item_a", delta="A long story")
    live.speak(2_000)
    words = live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=1_500)
    assert words == ["client input_audio_buffer.speech_started"]
    assert end_reply(live, "A long story", status="cancelled")[:2] == [
        "line 1 agent: A interrupted",
        "client response.output_audio_transcript.done held",
    ]
    (line,) = live.lines()
    assert (line["start_ms"], line["end_ms"]) == (0, 2_000)


def test_barge_in_after_the_reply_was_done_corrects_its_line():
    live = Live()
    begin_reply(live)
    live.agent_audio(8_000)
    assert "line 1 agent: A long story" in end_reply(live, "A long story")
    live.speak(3_000)
    words = live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=2_500)
    assert words == [
        "line 2 agent: A interrupted",
        "client input_audio_buffer.speech_started held",
    ]
    assert [line["end_ms"] for line in live.lines()] == [8_000, 3_000]
    assert live.lines()[0]["order"] == live.lines()[1]["order"]


def test_speech_after_the_reply_was_heard_interrupts_nothing():
    live = Live()
    begin_reply(live)
    live.agent_audio(1_000)
    end_reply(live, "Short.")
    live.speak(2_000)
    words = live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=1_500)
    assert words == ["client input_audio_buffer.speech_started"]


def test_an_agent_that_is_not_to_be_interrupted_is_not_cut():
    session = effective()
    session["audio"]["input"]["turn_detection"]["interrupt_response"] = False
    live = Live(session=session)
    begin_reply(live)
    live.agent_audio(8_000)
    live.speak(2_000)
    live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=1_500)
    assert live.session._scribe.timeline.agent_span_ms("item_a") == (0, 8_000)


def test_truncate_says_how_much_was_heard():
    live = Live()
    begin_reply(live)
    live.agent_audio(8_000)
    end_reply(live, "A long story")
    live.speak(3_000)
    live.engine("input_audio_buffer.speech_started", item_id="u", audio_start_ms=2_500)
    truncated = "conversation.item.truncated"
    words = live.engine(truncated, item_id="item_a", content_index=0, audio_end_ms=2_600)
    assert words == ["line 3 agent: A interrupted", f"client {truncated} held"]
    assert live.lines()[-1]["end_ms"] == 2_600
    assert live.engine(truncated, item_id="item_a", audio_end_ms=8_000) == [f"client {truncated}"]


def test_truncate_of_one_item_interrupts_what_was_queued_behind_it():
    live = Live()
    begin_reply(live)
    live.agent_audio(2_000, item="a1")
    live.agent_audio(2_000, item="a2")
    place = {"response_id": "resp_1", "content_index": 0}
    for item in ("a1", "a2"):
        words = f"{item} is here."
        live.engine(
            "response.output_audio_transcript.done", item_id=item, transcript=words, **place
        )
    words = live.engine("conversation.item.truncated", item_id="a1", audio_end_ms=500)
    assert words[:2] == ["line 3 agent: a1 interrupted", "line 4 agent:  interrupted"]


def test_an_incomplete_item_is_interrupted():
    live = Live()
    begin_reply(live)
    live.agent_audio(500)
    live.wait(900)
    words = end_reply(live, "Half a sen", status="incomplete")
    assert words[:3] == [
        "line 1 agent: Half a sen",
        "client response.output_audio_transcript.done held",
        "line 2 agent: Half a sen interrupted",
    ]


def test_an_answer_out_of_band_is_metered_but_is_no_line():
    live = Live()
    begin_reply(live, response="resp_x", conversation_id=None)
    place = {"response_id": "resp_x", "item_id": "item_x", "content_index": 0}
    live.engine("response.output_text.delta", delta="{}", **place)
    words = live.engine("response.output_text.done", text="{}", **place)
    assert words == ["client response.output_text.done"]
    live.engine("response.done", response={"id": "resp_x", "usage": usage(0, 40, 0, 2)})
    assert live.lines() == []
    assert live.booked()["text_tokens"] == 42


def test_two_responses_at_once_are_kept_apart():
    live = Live()
    begin_reply(live, "a1", "r1", conversation_id="conv")
    live.engine("response.created", response={"id": "r2", "conversation_id": None})
    live.agent_audio(1_000, item="a1", response="r1")
    live.engine("response.output_text.done", response_id="r2", item_id="x", text="aside")
    live.engine("response.done", response={"id": "r2"})
    assert list(live.session._scribe.active) == ["r1"]
    end_reply(live, "Said.", "a1", "r1")
    assert [line["transcript"] for line in live.lines()] == ["Said."]
    assert live.booked()["output"]["audio_tokens"] == 20


def test_a_response_without_usage_gets_duration_tokens():
    live = Live()
    live.speak(1_000)
    user_turn(live)
    begin_reply(live)
    live.agent_audio(2_010)
    live.engine("response.done", response={"id": "resp_1", "usage": None})
    shown = live.frames("response.done")[0].body["response"]["usage"]
    assert shown["output_token_details"]["audio_tokens"] == 41
    assert shown["input_token_details"]["audio_tokens"] == 25  # from the decision at 1.0 s on
    assert live.booked()["audio_tokens"] == 66
    assert live.booked()["responses"] == 1
    assert live.last[0].pending_audio == 0


def test_pending_audio_is_booked_until_the_usage_comes():
    live = Live()
    begin_reply(live)
    live.agent_audio(500)
    live.wait(1_000)
    assert [each.pending_audio for each in live.last if isinstance(each, Book)] == [10_000_000]
    live.engine("response.done", response={"id": "resp_1", "usage": usage(0, 0, 8, 0)})
    book = live.last[0]
    assert (book.totals.audio, book.pending_audio) == (8_000_000, 0)


def test_transcription_is_billed_by_its_tokens():
    live = Live()
    tokens = {"type": "tokens", "total_tokens": 14, "input_token_details": {"audio_tokens": 10}}
    live.engine(COMPLETED, item_id="u", transcript="Hi.", usage=tokens)
    live.engine(COMPLETED, item_id="u2", transcript="Ho.", usage={"type": "duration", "seconds": 2})
    assert live.booked()["transcription"] == {
        "audio_tokens": 10,
        "text_tokens": 4,
        "seconds": 2,
    }
    assert live.booked()["audio_tokens"] == 10


def test_push_to_talk_has_the_times_of_its_buffer():
    session = effective()
    session["audio"]["input"]["turn_detection"] = None
    live = Live(session=session)
    live.wait(5_000)
    live.speak(2_000)
    live.engine("input_audio_buffer.committed", item_id="u1")
    live.wait(3_000)
    live.speak(2_000)
    live.engine("input_audio_buffer.committed", item_id="u2")
    live.engine(COMPLETED, item_id="u1", transcript="One.")
    live.engine(COMPLETED, item_id="u2", transcript="Two.")
    times = [(line["start_ms"], line["end_ms"]) for line in live.lines()]
    assert times == [(5_000, 7_000), (10_000, 12_000)]


def test_a_cleared_buffer_begins_anew():
    session = effective()
    session["audio"]["input"]["turn_detection"] = None
    live = Live(session=session)
    live.speak(2_000)
    live.engine("input_audio_buffer.cleared")
    live.speak(1_000)
    live.engine("input_audio_buffer.committed", item_id="u1")
    live.engine(COMPLETED, item_id="u1", transcript="One.")
    assert [(line["start_ms"], line["end_ms"]) for line in live.lines()] == [(2_000, 3_000)]


def test_a_response_may_have_a_format_of_its_own():
    live = Live()
    audio = {"output": {"format": {"type": "audio/pcmu"}}}
    begin_reply(live, audio=audio)
    live.agent_audio(1_000 // 6, item="a")  # as many bytes as 1 s of G.711
    start_ms, end_ms = live.session._scribe.timeline.agent_span_ms("a")
    assert end_ms - start_ms == pytest.approx(996, abs=3)
    assert live.session._ledger.meter.totals.agent_audio_ms == pytest.approx(996, abs=1)


def test_a_change_of_voice_does_not_break_the_callers_resampler():
    session = effective()
    session["audio"]["input"]["format"] = {"type": "audio/pcmu"}
    live = Live(session=session)
    before = live.session._scribe._to_pcm
    live.engine("session.updated", session=session)
    assert live.session._scribe._to_pcm is before
    session["audio"]["input"]["format"] = {"type": "audio/pcma"}
    live.engine("session.updated", session=session)
    assert live.session._scribe._to_pcm is not before


def test_both_sides_are_recorded():
    live = Live()
    live.speak(2_000)
    begin_reply(live)
    live.agent_audio(1_000)
    live.speak(4_000)
    blocks = np.concatenate([each.block for each in live.all if isinstance(each, Record)])
    assert blocks[:, 0].all()
    heard = np.flatnonzero(blocks[:, 1])
    assert (heard[0] // 24, heard[-1] // 24) == (2_000, 2_999)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"item": [], "response": 5, "session": "x", "item_id": {}},
        {"item": {"id": 3, "type": "message", "role": ["user"], "content": "x"}},
        {"item": {"id": "x", "type": "message", "role": "user", "content": [None, {"type": []}]}},
        {"response": {"id": None, "usage": [1], "audio": 3}, "transcript": 5, "usage": [2]},
        {"audio_start_ms": "1", "audio_end_ms": float("nan"), "content_index": -1e300},
        {"session": {"audio": {"input": {"format": 3, "turn_detection": [1]}, "output": []}}},
    ],
)
def test_an_engine_that_says_odd_things_breaks_nothing(body):
    live = Live()
    for kind in [*live.session._scribe._notes, "response.done", "response.output_audio.delta"]:
        frame = live.frame(kind, {})
        frame.body.update(body)
        live.do(EngineSent(frame))
        assert any(isinstance(each, ToClient) for each in live.last)
    assert not live.session.closed
