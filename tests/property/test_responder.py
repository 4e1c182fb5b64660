import orjson
from hypothesis import given
from hypothesis import strategies as st

from voicehub.engines.local.reply import NamedTool, Prompt, TextPart, Tool, ToolPart, Turn
from voicehub.engines.local.responder import BuiltInResponder

VOCABULARY = """
what is my name i am Sam you are Ava count to 1e9 99999999999999999999 plus minus two hundred story
weather in Paris say exactly "hm" . ? ! , ' -
"""
WORDS = st.sampled_from(VOCABULARY.split())
TEXT = st.lists(WORDS | st.text(max_size=8), max_size=30).map(" ".join)
NAMES = st.text(max_size=5)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
KEYWORDS = ("properties", "required", "enum", "anyOf", "items", "minimum", "default")
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"])
SCHEMA = st.recursive(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYWORDS, JSON) | {"type": KINDS}),
    lambda inner: st.fixed_dictionaries(
        {
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "required": st.lists(st.sampled_from("abcd")),
        }
    ),
    max_leaves=5,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool_call", "tool_output"])
ENCODED = JSON.map(lambda value: orjson.dumps(value).decode())
TURNS = st.lists(st.builds(Turn, ROLES, TEXT | ENCODED))
TOOL = st.builds(Tool, st.sampled_from(["get_weather", "t", ""]), TEXT, SCHEMA)
CHOICE = st.sampled_from(["auto", "none", "required", NamedTool("t")])


@given(TEXT, TURNS, st.lists(TOOL, max_size=3), CHOICE)
async def test_whatever_was_said_there_is_a_reply(instructions, turns, tools, choice):
    prompt = Prompt(instructions, tuple(turns), tuple(tools), choice)
    parts = [part async for part in BuiltInResponder().reply(prompt)]
    assert parts
    for part in parts:
        if isinstance(part, ToolPart):
            assert isinstance(orjson.loads(part.arguments_json), dict)
        else:
            assert isinstance(part, TextPart)
            assert part.text.strip()
