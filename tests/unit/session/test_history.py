"""What a new engine is told, and what of its answers nobody else hears."""

from itertools import count

from voicehub.realtime.frame import Frame
from voicehub.session.history import CHARACTERS_MAX, LINES_MAX, History


def line(number, words="words", speaker="user"):
    return {"item_id": f"item_{number}", "speaker": speaker, "transcript": words}


def history(*lines):
    numbers = count(1)
    return History(lines, lambda kind: f"{kind}_{next(numbers)}")


def told(lines):
    return [event.body["item"]["id"] for event in history(*lines).events()]


def test_a_long_conversation_is_told_from_its_end():
    lines = [line(number) for number in range(LINES_MAX + 5)]
    assert told(lines) == [f"item_{number}" for number in range(5, LINES_MAX + 5)]


def test_long_words_count():
    lines = [line(1), line(2, "x" * (CHARACTERS_MAX - 1)), line(3, "y")]
    assert told(lines) == ["item_2", "item_3"]


def test_items_that_were_told_are_shown_to_nobody():
    told_of = history(line(1))
    for kind in ("conversation.item.added", "conversation.item.done"):
        assert told_of.is_answer(Frame(kind, {"type": kind, "item": {"id": "item_1"}}))
        assert not told_of.is_answer(Frame(kind, {"type": kind, "item": {"id": "item_2"}}))


def test_an_error_about_the_telling_is_nobodys_news():
    told_of = history(line(1))
    assert told_of.is_answer(Frame("error", {"error": {"event_id": "event_1"}}))
    assert not told_of.is_answer(Frame("error", {"error": {"event_id": "mine"}}))
    assert not told_of.is_answer(Frame("error", {"error": {"event_id": None}}))
