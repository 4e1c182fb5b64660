import orjson
import pytest

from voicehub.engines.local.reply import NamedTool, Prompt, TextPart, Tool, ToolPart, Turn
from voicehub.engines.local.responder import BuiltInResponder
from voicehub.engines.local.small_talk import WHAT_IT_IS

WEATHER = Tool(
    "get_weather",
    "Get the weather in a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
SAID = Turn("user", "What is the weather in Paris?")
ASKED = Turn("tool_call", '{"city":"Paris"}', "get_weather", "c1")


async def parts(*turns, instructions="You are Ava.", **rest):
    return [part async for part in BuiltInResponder().reply(Prompt(instructions, turns, **rest))]


async def words(*said, **rest):
    turns = [each if isinstance(each, Turn) else Turn("user", each) for each in said]
    return "".join(part.text for part in await parts(*turns, **rest))


async def test_the_agent_opens_the_conversation():
    assert await words() == "Hello! I am Ava. How can I help you?"
    assert await words(instructions='Greet them with "Hi, Foo!"') == "Hi, Foo!"


async def test_words_that_the_instructions_dictate_are_said():
    assert await words("Hello", instructions='Say exactly: "Under test."') == "Under test."


async def test_each_sentence_is_a_part_and_the_parts_join():
    found = await parts(Turn("user", "Hello"))
    assert [part.text for part in found] == ["Hello!", " I am Ava.", " How can I help you?"]


async def test_what_no_rule_knows_is_reflected_with_a_question_back():
    assert await words("I have a problem with my tooth") == (
        "So you have a problem with your tooth. Tell me more about it."
    )
    assert await words("I was alone") == "So you were alone. Tell me more about it."
    assert await words("Blue.") == "I heard: Blue. Tell me more about it."


async def test_a_question_beyond_it_is_answered_honestly_once():
    question = Turn("user", "Why is the sky blue?")
    first = await words(question)
    assert WHAT_IT_IS in first
    assert WHAT_IT_IS not in await words(question, Turn("assistant", first), question)


async def test_no_words_are_asked_for_again():
    assert await words("") == "I did not hear any words. Could you say that again?"


async def test_without_new_words_it_offers_help():
    again = await words("Hello", Turn("assistant", "Hello!"))
    assert again == "Is there anything else that I can do for you?"


async def test_the_same_prompt_gives_the_same_reply():
    assert await words("Tell me a story") == await words("Tell me a story")


async def test_a_tool_that_fits_the_words_is_run():
    (part,) = await parts(SAID, tools=(WEATHER,))
    assert isinstance(part, ToolPart)
    assert part.name == "get_weather"
    assert orjson.loads(part.arguments_json) == {"city": "Paris"}


@pytest.mark.parametrize("choice", ["required", NamedTool("get_weather")])
async def test_a_tool_that_is_demanded_is_run_whatever_was_said(choice):
    (part,) = await parts(Turn("user", "hm"), tools=(WEATHER,), tool_choice=choice)
    assert part == ToolPart("get_weather", '{"city":"hm"}')


async def test_no_tool_is_run_where_none_may_be_or_none_fits():
    for prompt in ((SAID, "none"), (Turn("user", "Tell me a story"), "auto")):
        found = await parts(prompt[0], tools=(WEATHER,), tool_choice=prompt[1])
        assert all(isinstance(part, TextPart) for part in found)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('{"temperature":21,"sky":"clear"}', "Here is the result: temperature: 21, sky: clear."),
        (
            '{"is_open":true,"hours":{"to":5},"x":null}',
            "Here is the result: is open: yes, hours: to: 5.",
        ),
        ("It is fine.", "Here is the result: It is fine."),
        ('{"error":"not found"}', "That did not work: not found."),
        ("", "That is done."),
        ("[1,2]", "Here is the result: 1, 2."),
    ],
)
async def test_a_tools_answer_is_spoken(output, said):
    answered = Turn("tool_output", output, call_id="c1")
    assert await words(SAID, ASKED, answered, tools=(WEATHER,)) == said


async def test_answers_of_several_tools_are_spoken_in_order():
    outputs = [Turn("tool_output", text, call_id=text) for text in ("one", "two")]
    assert await words(SAID, *outputs) == "Here is the result: one. Here is the result: two."


async def test_a_huge_answer_of_a_tool_is_cut():
    assert len(await words(SAID, Turn("tool_output", "x" * 10_000))) < 500
