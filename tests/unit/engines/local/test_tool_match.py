import pytest

from voicehub.engines.local.reply import NamedTool, Prompt, Tool
from voicehub.engines.local.tool_match import chosen_tool, tool_arguments

TOOLS = (
    Tool("get_weather", "Get the current weather for a city"),
    Tool("bookTable", "Reserve a table at the restaurant for some guests"),
    Tool("lookup_order", "Look up the status of an order by its number"),
)


def arguments(utterance, required=(), **properties):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return tool_arguments(Tool("t", "", schema), utterance)


@pytest.mark.parametrize(
    ("utterance", "name"),
    [
        ("What's the weather like?", "get_weather"),
        ("I would like to book a table", "bookTable"),
        ("Any tables for four guests at the restaurant, to reserve?", "bookTable"),
        ("Where is my order?", "lookup_order"),
        ("Tell me a story", None),
        ("What is on the table?", None),
        ("", None),
    ],
)
def test_the_words_choose_the_tool(utterance, name):
    found = chosen_tool(Prompt("", tools=TOOLS), utterance)
    assert (found.name if found else None) == name


def test_a_tool_that_is_not_there_cannot_be_chosen():
    assert chosen_tool(Prompt("", tools=TOOLS, tool_choice=NamedTool("nope")), "x") is None
    assert chosen_tool(Prompt("", tool_choice="required"), "x") is None


def test_numbers_enums_and_yes_or_no_come_from_the_words():
    assert arguments(
        "a table for two at nine, not outside, in Celsius",
        ["outside", "guests", "hour"],
        guests={"type": "integer"},
        hour={"type": "number"},
        outside={"type": "boolean"},
        unit={"enum": ["fahrenheit", "celsius"]},
    ) == {"guests": 2, "hour": 9, "outside": False, "unit": "celsius"}


def test_strings_are_named_or_a_proper_noun_or_everything_that_was_said():
    text = {"type": "string"}
    assert arguments("my order number is A 5.", ["order_number"], order_number=text) == {
        "order_number": "A 5"
    }
    assert arguments("a flight to New York please", ["city"], city=text) == {"city": "New York"}
    assert arguments("just hungry", ["wish"], wish=text) == {"wish": "just hungry"}


def test_required_properties_are_always_there_and_doubtful_ones_are_not():
    assert arguments(
        "hm",
        ["count", "kind", "tags", "place", "flag"],
        count={"type": "integer", "minimum": 3},
        kind={"enum": ["a", "b"], "default": "b"},
        tags={"type": "array", "items": {"type": "string"}},
        place={"type": "object", "properties": {"x": {"const": 7}}, "required": ["x"]},
        flag={"type": ["null", "boolean"]},
        note={"type": "string"},
    ) == {"count": 3, "kind": "b", "tags": ["hm"], "place": {"x": 7}, "flag": True}


def test_limits_of_numbers_are_kept():
    assert arguments("99", ["n"], n={"type": "integer", "maximum": 10}) == {"n": 10}
    assert arguments("1.5", ["n"], n={"type": "number"}) == {"n": 1.5}


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "string"},
        {"properties": [], "required": 5},
        {"properties": {"a": 3, "b": None}, "required": "ab"},
        {"properties": {"a": {"type": 7}}, "required": ["a", "missing", {}]},
        {
            "properties": {"a": {"enum": [], "anyOf": [None, {"type": "integer"}]}},
            "required": ["a"],
        },
        {"properties": {"": {"minimum": "low", "type": "number"}}, "required": [""]},
    ],
)
def test_odd_schemas_are_taken_as_they_are(schema):
    assert isinstance(tool_arguments(Tool("t", "", schema), "one two"), dict)


def test_a_schema_without_end_is_cut():
    schema = {"type": "object", "required": ["a"]}
    schema["properties"] = {"a": schema}
    assert tool_arguments(Tool("t", "", schema), "x") == {"a": {"a": {"a": {"a": {}}}}}
