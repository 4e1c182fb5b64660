"""Which tools a model is given, and which a client sees."""

from tests.sessions import effective, spec
from voicehub.session.policy import visible_session
from voicehub.session.tool_list import AGENT_TOOLS_MAX, chosen_tools, tools_beside, with_tools

LOOKUP = {
    "type": "function",
    "name": "lookup",
    "description": "Finds an order.",
    "parameters": {"type": "object", "properties": {}},
}
CLIENTS = {"type": "function", "name": "dim_screen", "description": "", "parameters": {}}


def shown(*client_may: str, **session) -> dict:
    changed = spec(tools=(LOOKUP,), client_may=frozenset(client_may))
    return visible_session(effective(tools=[LOOKUP, CLIENTS], **session), changed, 0)


def test_a_configured_tool_becomes_a_definition_of_the_protocol():
    entry = {"name": "lookup", "description": "Finds an order.", "url": "http://elsewhere"}
    assert chosen_tools({"tools": [entry]}, {"lookup"}) == ((LOOKUP,), ())


def test_what_nobody_configured_or_makes_no_sense_is_left_out():
    entries = [
        {"name": "nobody"},
        "lookup",
        {"description": "no name"},
        {"name": "lookup", "parameters": "no schema"},
        {"name": ["lookup"]},
        {"name": "lookup"},
        {"name": "lookup", "description": "once more"},
    ]
    chosen, left_out = chosen_tools({"tools": entries}, {"lookup"})
    assert [tool["name"] for tool in chosen] == ["lookup"]
    assert left_out == ("nobody", "tools[1]", "tools[2]", "tools[3]", "tools[4]", "tools[6]")


def test_settings_without_tools_and_odd_ones_give_none():
    for settings in ({}, {"tools": None}, {"tools": "lookup"}, {"tools": {"name": "lookup"}}):
        assert chosen_tools(settings, {"lookup"}) == ((), ())


def test_tools_beyond_the_limit_are_left_out():
    names = [f"tool_{number}" for number in range(AGENT_TOOLS_MAX + 1)]
    chosen, left_out = chosen_tools({"tools": [{"name": name} for name in names]}, names)
    assert len(chosen) == AGENT_TOOLS_MAX
    assert left_out == (f"tools[{AGENT_TOOLS_MAX}]",)


def test_of_two_tools_of_one_name_the_servers_stays():
    impostor = {**LOOKUP, "description": "Another."}
    assert tools_beside([LOOKUP], [impostor, CLIENTS]) == [LOOKUP, CLIENTS]
    assert tools_beside([LOOKUP], None) == [LOOKUP]


def test_an_agent_without_tools_has_its_session_unchanged():
    session = {"instructions": "Be kind."}
    assert with_tools(session, ()) is session
    assert with_tools(session, (LOOKUP,)) == {**session, "tools": [LOOKUP]}


def test_a_client_sees_the_tools_that_are_opened_to_it():
    assert shown()["tools"] == []
    assert shown("tools")["tools"] == [CLIENTS]
    assert shown("server_tools")["tools"] == [LOOKUP]
    assert shown("tools", "server_tools")["tools"] == [LOOKUP, CLIENTS]


def test_a_choice_that_names_a_hidden_tool_is_hidden():
    choice = {"type": "function", "name": "lookup"}
    assert shown("tool_choice", tool_choice=choice)["tool_choice"] == "auto"
    opened = shown("tool_choice", "server_tools", tool_choice=choice)
    assert opened["tool_choice"] == choice
