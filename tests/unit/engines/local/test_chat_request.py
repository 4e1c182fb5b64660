from voicehub.engines.local.chat_request import TURNS_MAX, chat_body
from voicehub.engines.local.reply import NamedTool, Prompt, Tool, Turn

USER = Turn("user", "Weather in Paris and Rome?")
PARIS = Turn("tool_call", '{"city":"Paris"}', "get_weather", "c1")
ROME = Turn("tool_call", '{"city":"Rome"}', "get_weather", "c2")
SUNNY = Turn("tool_output", "sunny", call_id="c1")
RAINY = Turn("tool_output", "rainy", call_id="c2")


def messages(*turns, instructions=""):
    return chat_body(Prompt(instructions, turns), "m")["messages"]


def requested(*turns):
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": turn.call_id,
                "type": "function",
                "function": {"name": turn.name, "arguments": turn.text},
            }
            for turn in turns
        ],
    }


def test_the_reply_is_asked_for_in_pieces_with_its_usage():
    assert chat_body(Prompt("Be kind.", (Turn("user", "Hi"), Turn("assistant", "Hello"))), "m") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_tools_their_choice_and_the_limit_are_passed_on():
    schema = {"type": "object"}
    tool = Tool("end", "Ends", schema)
    body = chat_body(Prompt("", (), (tool,), NamedTool("end"), 50), "m")
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "end", "description": "Ends", "parameters": schema},
        }
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "end"}}
    assert body["max_tokens"] == 50
    assert chat_body(Prompt("", (), (tool,), "required"), "m")["tool_choice"] == "required"
    assert "tool_choice" not in chat_body(Prompt("", (), (), "required"), "m")


def test_the_answers_of_tools_stand_right_behind_their_requests():
    said = Turn("user", "Are you there?")
    assert messages(USER, PARIS, ROME, said, RAINY, SUNNY) == [
        {"role": "user", "content": USER.text},
        requested(PARIS, ROME),
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c2", "content": "rainy"},
        {"role": "user", "content": said.text},
    ]


def test_requests_of_different_turns_stay_apart():
    assert messages(PARIS, SUNNY, ROME, RAINY) == [
        requested(PARIS),
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        requested(ROME),
        {"role": "tool", "tool_call_id": "c2", "content": "rainy"},
    ]


def test_what_an_endpoint_would_refuse_is_left_out():
    unanswered = messages(USER, PARIS, ROME, RAINY)
    assert unanswered[1] == requested(ROME)
    assert messages(SUNNY, Turn("user", "")) == []


def test_only_the_newest_turns_of_a_long_session_are_sent():
    sent = messages(*(Turn("user", str(number)) for number in range(1000)))
    assert len(sent) == TURNS_MAX
    assert sent[-1]["content"] == "999"
