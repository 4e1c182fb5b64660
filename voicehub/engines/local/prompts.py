"""The prompt of a reply: the conversation as the model sees it, bounded."""

from collections.abc import Iterable

from voicehub.engines.local.items import Item
from voicehub.engines.local.reply import Prompt, Turn
from voicehub.engines.local.response_options import ResponseOptions

# Older turns are left out at either limit: a reply in the last minute of an hour costs what one in
# the first does. About 16,000 tokens.
TURNS_MAX = 200
TURN_CHARACTERS_MAX = 64_000


def build_prompt(options: ResponseOptions, conversation: Iterable[Item]) -> Prompt:
    items = conversation if options.input is None else options.input
    turns = [turn for item in items if (turn := item.as_turn()) is not None]
    kept = _newest(turns)
    if options.note:
        kept.append(Turn("system", options.note))
    return Prompt(
        instructions=options.instructions,
        turns=tuple(kept),
        tools=options.tools,
        tool_choice=options.tool_choice,
        max_output_tokens=options.max_output_tokens,
    )


def _newest(turns: list[Turn]) -> list[Turn]:
    start, characters = len(turns), 0
    while start and len(turns) - start < TURNS_MAX:
        characters += len(turns[start - 1].text)
        # The newest turn is always there, whatever its length.
        if characters > TURN_CHARACTERS_MAX and start < len(turns):
            break
        start -= 1
    # An answer whose question was left out: chat endpoints refuse it.
    while 0 < start < len(turns) and turns[start].role == "tool_output":
        start += 1
    return turns[start:]
