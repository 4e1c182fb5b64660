import pytest

from voicehub.session.transcript import ITEMS_MAX, Transcript, message_text, timestamp

WALL_MS = 1_700_000_000_000.0


def order(transcript):
    known = sorted(transcript._utterances.values(), key=lambda each: each.order)
    return [each.item_id for each in known]


def test_items_stand_in_the_order_in_which_they_began():
    transcript = Transcript(WALL_MS)
    for item_id in "abc":
        transcript.utterance(item_id, "user")
    transcript.utterance("a", "user")
    assert order(transcript) == ["a", "b", "c"]


def test_an_item_stands_after_the_one_it_names():
    transcript = Transcript(WALL_MS)
    for item_id in "abc":
        transcript.place(item_id, "user", None)
    transcript.place("x", "agent", "a")
    transcript.place("y", "agent", "a")
    transcript.place("z", "agent", "c")
    assert order(transcript) == ["a", "y", "x", "b", "c", "z"]
    transcript.place("w", "agent", "z")
    assert order(transcript)[-2:] == ["z", "w"]


def test_an_item_that_is_there_already_moves():
    transcript = Transcript(WALL_MS)
    for item_id in "abc":
        transcript.place(item_id, "user", None)
    transcript.place("c", "user", "a")
    assert order(transcript) == ["a", "c", "b"]
    transcript.place("c", "user", "c")
    assert order(transcript) == ["a", "c", "b"]


def test_root_is_the_beginning():
    transcript = Transcript(WALL_MS)
    transcript.place("a", "user", "root")
    transcript.place("b", "user", "root")
    assert order(transcript) == ["b", "a"]


@pytest.mark.parametrize("unknown", [None, "nobody", 5, [], {}])
def test_after_an_unknown_item_is_at_the_end(unknown):
    transcript = Transcript(WALL_MS)
    transcript.place("a", "user", None)
    transcript.place("b", "user", unknown)
    assert order(transcript) == ["a", "b"]


def test_old_items_are_forgotten():
    transcript = Transcript(WALL_MS)
    for number in range(3 * ITEMS_MAX):
        transcript.place(f"item {number}", "user", f"item {number - 1}")
    assert len(transcript._utterances) == ITEMS_MAX
    assert transcript.find("item 0") is None
    assert order(transcript)[-1] == f"item {3 * ITEMS_MAX - 1}"


def test_a_line_has_its_times_and_its_place():
    transcript = Transcript(WALL_MS)
    utterance = transcript.utterance("a", "agent")
    utterance.start_ms, utterance.end_ms = 1_500.4, 2_000.6
    utterance.parts = {1: "you?", 0: "How are"}
    assert transcript.line(utterance, now_position_ms=9_999) == {
        "transcript": "How are you?",
        "timestamp": "2023-11-14T22:13:21.500Z",
        "speaker": "agent",
        "item_id": "a",
        "start_ms": 1500,
        "end_ms": 2001,
        "interrupted": False,
        "order": 1.0,
    }


def test_a_line_without_audio_stands_where_it_was_written():
    transcript = Transcript(WALL_MS)
    line = transcript.line(transcript.utterance("a", "user"), now_position_ms=500)
    assert (line["start_ms"], line["end_ms"]) == (500, 500)


def test_a_line_never_ends_before_it_starts():
    transcript = Transcript(WALL_MS)
    utterance = transcript.utterance("a", "user")
    utterance.start_ms, utterance.end_ms = 500, 100
    line = transcript.line(utterance, 900)
    assert (line["start_ms"], line["end_ms"]) == (500, 500)


def test_what_cannot_be_kept_in_jsonb_is_left_out():
    transcript = Transcript(WALL_MS)
    utterance = transcript.utterance("a", "user")
    utterance.parts = {0: "nul\0 here"}
    assert utterance.text == "nul here"


def test_what_is_unfinished_and_has_words():
    transcript = Transcript(WALL_MS)
    for item_id, words, finished in (("a", "x", True), ("b", "x", False), ("c", "", False)):
        utterance = transcript.utterance(item_id, "agent")
        utterance.parts, utterance.finished = {0: words}, finished
    transcript.utterance("d", "user").parts = {0: "x"}
    assert [each.item_id for each in transcript.unfinished("agent")] == ["b"]


def test_timestamps_are_utc_to_the_millisecond():
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1_700_000_000_123.9) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"type": "message", "content": [{"type": "input_text", "text": "a"}]}, "a"),
        (
            {
                "type": "message",
                "content": [
                    {"type": "output_text", "text": "a"},
                    {"type": "input_audio", "transcript": "b"},
                    {"type": "input_text", "text": "c"},
                    {"type": "input_text", "text": None},
                ],
            },
            "a c",
        ),
        ({"type": "function_call", "content": [{"type": "input_text", "text": "a"}]}, ""),
        ({"type": "message", "content": None}, ""),
        ({"type": "message", "content": "text"}, ""),
        ({"type": "message", "content": [None, "x", {"type": ["input_text"], "text": "a"}]}, ""),
        ({"type": "message"}, ""),
        ({}, ""),
    ],
)
def test_the_text_of_a_message(item, text):
    assert message_text(item) == text
