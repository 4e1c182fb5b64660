import pytest

from voicehub.engines.local import fields
from voicehub.engines.local.reply import NamedTool
from voicehub.errors import ClientError


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (fields.text, 5),
        (fields.text, "x" * (fields.TEXT_CHARACTERS_MAX + 1)),
        (fields.identifier, ""),
        (fields.boolean, 1),
        (fields.modality, [["audio"]]),
        (fields.modality, ["audio", "text"]),
        (fields.max_output_tokens, True),
        (fields.max_output_tokens, 4_097),
        (fields.tools, {}),
        (fields.tools, [{"type": "function"}]),
        (fields.tools, [{"type": "function", "name": "f"}] * (fields.TOOLS_MAX + 1)),
        (fields.tool_choice, {"type": "mcp"}),
        (fields.tool_choice, ["auto"]),
        (fields.metadata, {"k" * 65: "v"}),
        (fields.metadata, {"k": "v" * 513}),
        (fields.metadata, {str(n): "v" for n in range(17)}),
        (fields.mapping, []),
    ],
)
def test_odd_values_are_refused_by_name(check, value):
    with pytest.raises(ClientError) as refusal:
        check(value, "where")
    assert refusal.value.param.startswith("where")


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), -0.1, 1.1, 10**400])
def test_numbers_lie_within_their_limits(value):
    with pytest.raises(ClientError):
        fields.number(value, "where", 0, 1)


def test_null_clears():
    assert fields.text(None, "x") == ""
    assert fields.tools(None, "x") == ()
    assert fields.tool_choice(None, "x") == "auto"
    assert fields.max_output_tokens(None, "x") is None
    assert fields.metadata(None, "x") is None
    assert fields.modality(None, "x") == "audio"


def test_tools_come_back_as_they_were_given():
    given = {
        "type": "function",
        "name": "f",
        "description": "Does it.",
        "parameters": {"type": "object"},
    }
    (tool,) = fields.tools([given], "x")
    assert fields.tool_as_ga(tool) == given


def test_a_named_tool_choice_comes_back_as_it_was_given():
    given = {"type": "function", "name": "f"}
    choice = fields.tool_choice(given, "x")
    assert choice == NamedTool("f")
    assert fields.tool_choice_as_ga(choice) == given
    assert fields.tool_choice_as_ga("required") == "required"


def test_a_missing_field_is_named():
    with pytest.raises(ClientError) as refusal:
        fields.required({"a": None}, "a", "item.a")
    assert refusal.value.code == "missing_required_parameter"
    assert refusal.value.param == "item.a"
