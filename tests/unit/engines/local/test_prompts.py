from voicehub.engines.local import prompts
from voicehub.engines.local.items import Item, Part
from voicehub.engines.local.prompts import build_prompt
from voicehub.engines.local.response_options import ResponseOptions
from voicehub.engines.local.session_config import SessionConfig

OPTIONS = ResponseOptions.of_session(SessionConfig("sess_1", instructions="You are Ava."))


def said(text, role="user"):
    return Item(text, role=role, content=[Part("input_text", text)])


def texts(items, options=OPTIONS):
    return [turn.text for turn in build_prompt(options, items).turns]


def test_turns_stand_in_the_order_of_the_items():
    items = [said("a", "system"), said("b"), said("c", "assistant")]
    prompt = build_prompt(OPTIONS, items)
    assert [turn.role for turn in prompt.turns] == ["system", "user", "assistant"]
    assert prompt.instructions == "You are Ava."


def test_empty_items_are_not_seen():
    assert texts([said("a"), said(""), said("c")]) == ["a", "c"]


def test_the_oldest_turns_are_left_out(monkeypatch):
    monkeypatch.setattr(prompts, "TURNS_MAX", 2)
    assert texts([said("a"), said("b"), said("c")]) == ["b", "c"]


def test_the_newest_turn_is_there_whatever_its_length(monkeypatch):
    monkeypatch.setattr(prompts, "TURN_CHARACTERS_MAX", 3)
    assert texts([said("a"), said("long words")]) == ["long words"]
    assert texts([said("abc"), said("de"), said("f")]) == ["de", "f"]


def test_an_answer_without_its_question_is_left_out(monkeypatch):
    monkeypatch.setattr(prompts, "TURNS_MAX", 2)
    tool_call = Item("1", "function_call", name="f", call_id="c", text="{}")
    output = Item("2", "function_call_output", call_id="c", text="Rain")
    assert texts([tool_call, output, said("thanks")]) == ["thanks"]
    assert texts([tool_call, output]) == ["{}", "Rain"]


def test_a_note_comes_last():
    options = ResponseOptions.of_session(SessionConfig("sess_1"), note="Ask.")
    turn = build_prompt(options, [said("a")]).turns[-1]
    assert (turn.role, turn.text) == ("system", "Ask.")
