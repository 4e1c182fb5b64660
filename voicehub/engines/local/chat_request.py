"""The body of a chat request, made from a prompt."""

from collections.abc import Iterable, Iterator
from typing import Any

from voicehub.engines.local.reply import NamedTool, Prompt, Tool, Turn

# The conversation's newest turns; a long session keeps the price and the wait of each reply flat.
TURNS_MAX = 200


def chat_body(prompt: Prompt, model: str) -> dict[str, Any]:
    """What is posted; any JSON value stands in it."""
    body: dict[str, Any] = {
        "model": model,
        "messages": list(_messages(prompt)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body["tool_choice"] = (
            {"type": "function", "function": {"name": prompt.tool_choice.name}}
            if isinstance(prompt.tool_choice, NamedTool)
            else prompt.tool_choice
        )
    if prompt.max_output_tokens is not None:
        body["max_tokens"] = prompt.max_output_tokens
    return body


def _messages(prompt: Prompt) -> Iterator[dict[str, Any]]:
    if prompt.instructions:
        yield {"role": "system", "content": prompt.instructions}
    turns = prompt.turns[-TURNS_MAX:]
    outputs = {turn.call_id: turn.text for turn in turns if turn.role == "tool_output"}
    requested: list[Turn] = []
    for turn in turns:
        if turn.role == "tool_call":
            # Endpoints refuse a request to a tool that was never answered, and one that is
            # answered anywhere but right behind it.
            if turn.call_id in outputs:
                requested.append(turn)
            continue
        yield from _tool_messages(requested, outputs)
        requested = []
        if turn.role != "tool_output" and turn.text:
            yield {"role": turn.role, "content": turn.text}
    yield from _tool_messages(requested, outputs)


def _tool_messages(requested: Iterable[Turn], outputs: dict[str, str]) -> Iterator[dict[str, Any]]:
    """One message that asks for the tools, then what each of them answered."""
    turns = list(requested)
    if not turns:
        return
    yield {
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
    for turn in turns:
        yield {"role": "tool", "tool_call_id": turn.call_id, "content": outputs[turn.call_id]}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.parameters is not None:
        function["parameters"] = dict(tool.parameters)
    return {"type": "function", "function": function}
