"""What one response is made by: the session's settings with the overrides of a response.create."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from voicehub.audio.formats import AudioFormat
from voicehub.engines.local import fields
from voicehub.engines.local.effects import NewId
from voicehub.engines.local.fields import Json
from voicehub.engines.local.item_list import ItemList
from voicehub.engines.local.items import Item, ItemAudio, parse_item
from voicehub.engines.local.reply import Tool, ToolChoice
from voicehub.engines.local.session_config import SessionConfig, check_voice, voice_name
from voicehub.errors import ClientError

INPUT_ITEMS_MAX = 256


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item that came inside `input`, and its audio."""

    item: Item
    audio: Sequence[ItemAudio]


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    instructions: str
    modality: str
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    max_output_tokens: int | None
    format: AudioFormat
    voice: str
    speed: float
    metadata: dict[str, str] | None = None
    in_conversation: bool = True
    input: tuple[Item, ...] | None = None
    """Items that stand in for the conversation; None for the conversation itself."""
    new_items: tuple[NewItem, ...] = ()
    """Those of `input` that are not in the conversation."""
    note: str = ""
    """What the model is told besides, of this response alone."""

    @classmethod
    def of_session(cls, config: SessionConfig, note: str = "") -> "ResponseOptions":
        return cls(
            instructions=config.instructions,
            modality=config.output_modality,
            tools=config.tools,
            tool_choice=config.tool_choice,
            max_output_tokens=config.max_output_tokens,
            format=config.output_format,
            voice=config.voice,
            speed=config.speed,
            note=note,
        )


def parse_options(
    body: Json, config: SessionConfig, items: ItemList, new_id: NewId, *, voice_fixed: bool
) -> ResponseOptions:
    """The options of a response.create's `response` object. Raises ClientError."""
    changes: dict[str, Any] = {
        attribute: check(body[name], f"response.{name}")
        for name, (attribute, check) in _OVERRIDES.items()
        if body.get(name) is not None
    }
    audio = fields.mapping(body.get("audio"), "response.audio")
    output = fields.mapping(audio.get("output"), "response.audio.output")
    if output.get("format") is not None:
        changes["format"] = AudioFormat.from_ga(output["format"], "response.audio.output.format")
    if output.get("voice") is not None:
        changes["voice"] = voice_name(output["voice"], "response.audio.output.voice")
        check_voice(
            changes["voice"], config.voice, "response.audio.output.voice", fixed=voice_fixed
        )
    chosen, new_items = _input(body.get("input"), config, items, new_id)
    return replace(ResponseOptions.of_session(config), **changes, input=chosen, new_items=new_items)


def _conversation(value: object, param: str) -> bool:
    return fields.choice(value, param, {"auto", "none"}) == "auto"


def _input(
    value: object, config: SessionConfig, items: ItemList, new_id: NewId
) -> tuple[tuple[Item, ...] | None, tuple[NewItem, ...]]:
    if value is None:
        return None, ()
    if not isinstance(value, list) or len(value) > INPUT_ITEMS_MAX:
        raise ClientError(
            f"Invalid value: 'response.input' must be a list of at most {INPUT_ITEMS_MAX} items.",
            param="response.input",
        )
    chosen: list[Item] = []
    new_items: list[NewItem] = []
    for index, each in enumerate(value):
        param = f"response.input[{index}]"
        body = fields.mapping(each, param)
        if body.get("type") == "item_reference":
            item_id = fields.identifier(body.get("id"), f"{param}.id")
            chosen.append(items.find(item_id, "item_reference_invalid_item_id", f"{param}.id"))
            continue
        new_item = NewItem(*parse_item(body, param, config.input_format, new_id("item")))
        new_items.append(new_item)
        chosen.append(new_item.item)
    return tuple(chosen), tuple(new_items)


# Name in the protocol -> attribute here and the check of its value.
_OVERRIDES: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "instructions": ("instructions", fields.text),
    "output_modalities": ("modality", fields.modality),
    "tools": ("tools", fields.tools),
    "tool_choice": ("tool_choice", fields.tool_choice),
    "max_output_tokens": ("max_output_tokens", fields.max_output_tokens),
    "metadata": ("metadata", fields.metadata),
    "conversation": ("in_conversation", _conversation),
}
