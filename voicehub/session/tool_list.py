"""The tools that a model is given: the server's and the client's, and who sees them."""

from collections.abc import Collection, Sequence
from typing import Any

from voicehub.realtime.frame import Body, as_object
from voicehub.session.spec import SessionSpec

# Tools of one agent; those beyond are left out. Models choose badly among many more.
AGENT_TOOLS_MAX = 64
# In an agent's `client_may`: the client sees the server's tools and what becomes of them.
SERVER_TOOLS = "server_tools"


def chosen_tools(
    settings: Body, configured: Collection[str]
) -> tuple[tuple[Body, ...], tuple[str, ...]]:
    """The protocol's definitions of an agent's `settings.tools`, and what is left out of them.

    What is left out is a name that nobody configured, or `tools[3]` for an entry without sense.
    """
    listed = settings.get("tools")
    entries = listed if isinstance(listed, list) else []
    chosen: dict[str, Body] = {}
    left_out: list[str] = []
    for place, entry in enumerate(entries):
        name = _name(entry)
        definition = _definition(as_object(entry))
        if name is None or definition is None or name in chosen or len(chosen) >= AGENT_TOOLS_MAX:
            left_out.append(f"tools[{place}]")
        elif name not in configured:
            left_out.append(name)
        else:
            chosen[name] = definition
    return tuple(chosen.values()), tuple(left_out)


def tools_beside(own: Sequence[Body], others: object) -> list[Body]:
    """The server's tools, and those of `others` that have names of their own."""
    names = {tool["name"] for tool in own}
    rest = others if isinstance(others, list) else []
    return [*own, *(tool for tool in rest if _name(tool) not in names)]


def with_tools(session: Body, own: Sequence[Body]) -> Body:
    """An agent's session with the server's tools in it."""
    if not own:
        return session
    return {**session, "tools": tools_beside(own, session.get("tools"))}


def visible_tools(shown: Body, session: Body, spec: SessionSpec) -> Body:
    """What a client may see of the tools in the engine's `session`, to be laid over `shown`."""
    if not spec.tools:
        return {}
    names = {tool["name"] for tool in spec.tools}
    tools = session.get("tools")
    changes: dict[str, Any] = {}
    if isinstance(tools, list):
        changes["tools"] = [
            tool
            for tool in tools
            if (SERVER_TOOLS if _name(tool) in names else "tools") in spec.client_may
        ]
    if _name(shown.get("tool_choice")) in names and SERVER_TOOLS not in spec.client_may:
        changes["tool_choice"] = "auto"
    return changes


def _name(tool: object) -> str | None:
    name = as_object(tool).get("name")
    return name if isinstance(name, str) else None


def _definition(entry: Body) -> Body | None:
    description = entry.get("description", "")
    parameters = entry.get("parameters", {"type": "object", "properties": {}})
    if not isinstance(description, str) or not isinstance(parameters, dict):
        return None
    return {
        "type": "function",
        "name": entry.get("name"),
        "description": description,
        "parameters": parameters,
    }
