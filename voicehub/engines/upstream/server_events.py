"""The server events of the GA protocol, and how an upstream's message becomes one."""

from voicehub.realtime.frame import Frame
from voicehub.realtime.parse import parse_server

_NUMBER = (int, float)
_ITEM = (("item", dict), ("item.id", str))
_RESPONSE = (("response", dict), ("response.id", str))
_OF_RESPONSE = (("response_id", str),)
_PART = (("response_id", str), ("item_id", str))
_OF_ITEM = (("item_id", str),)

Shape = tuple[tuple[str, type | tuple[type, ...]], ...]

# Every event type of the protocol, with the fields that somebody here relies on. Strict clients
# break on other types, so that those are not passed on.
SHAPES: dict[str, Shape] = {
    "error": (("error", dict),),
    "session.created": (("session", dict),),
    "session.updated": (("session", dict),),
    "conversation.created": (),
    "conversation.item.added": _ITEM,
    "conversation.item.created": _ITEM,
    "conversation.item.done": _ITEM,
    "conversation.item.retrieved": _ITEM,
    "conversation.item.truncated": (*_OF_ITEM, ("audio_end_ms", _NUMBER)),
    "conversation.item.deleted": _OF_ITEM,
    "conversation.item.input_audio_transcription.delta": _OF_ITEM,
    "conversation.item.input_audio_transcription.completed": (*_OF_ITEM, ("transcript", str)),
    "conversation.item.input_audio_transcription.segment": _OF_ITEM,
    "conversation.item.input_audio_transcription.failed": (*_OF_ITEM, ("error", dict)),
    "input_audio_buffer.committed": _OF_ITEM,
    "input_audio_buffer.cleared": (),
    "input_audio_buffer.speech_started": (*_OF_ITEM, ("audio_start_ms", _NUMBER)),
    "input_audio_buffer.speech_stopped": (*_OF_ITEM, ("audio_end_ms", _NUMBER)),
    "input_audio_buffer.timeout_triggered": (
        *_OF_ITEM,
        ("audio_start_ms", _NUMBER),
        ("audio_end_ms", _NUMBER),
    ),
    "input_audio_buffer.dtmf_event_received": (),
    "output_audio_buffer.started": _OF_RESPONSE,
    "output_audio_buffer.stopped": _OF_RESPONSE,
    "output_audio_buffer.cleared": _OF_RESPONSE,
    "response.created": _RESPONSE,
    "response.done": _RESPONSE,
    "response.output_item.added": (*_OF_RESPONSE, *_ITEM),
    "response.output_item.done": (*_OF_RESPONSE, *_ITEM),
    "response.content_part.added": (*_PART, ("part", dict)),
    "response.content_part.done": (*_PART, ("part", dict)),
    "response.output_text.delta": (*_PART, ("delta", str)),
    "response.output_text.done": (*_PART, ("text", str)),
    "response.output_audio.delta": _PART,
    "response.output_audio.done": _PART,
    "response.output_audio_transcript.delta": (*_PART, ("delta", str)),
    "response.output_audio_transcript.done": (*_PART, ("transcript", str)),
    "response.function_call_arguments.delta": _PART,
    "response.function_call_arguments.done": (*_PART, ("arguments", str)),
    "response.mcp_call_arguments.delta": _PART,
    "response.mcp_call_arguments.done": _PART,
    "response.mcp_call.in_progress": _OF_ITEM,
    "response.mcp_call.completed": _OF_ITEM,
    "response.mcp_call.failed": _OF_ITEM,
    "mcp_list_tools.in_progress": _OF_ITEM,
    "mcp_list_tools.completed": _OF_ITEM,
    "mcp_list_tools.failed": _OF_ITEM,
    "rate_limits.updated": (),
}

# The same, its paths taken apart once: this is on the way of every frame.
_PARTED = {
    event: tuple((*path.partition(".")[::2], kind) for path, kind in shape)
    for event, shape in SHAPES.items()
}


def read(raw: bytes) -> Frame | None:
    """The event in `raw`; None for a type that the protocol does not know.

    Raises ValueError when it is no event, or one without what its type must have.
    """
    try:
        frame = parse_server(raw)
    except (KeyError, TypeError):
        raise ValueError("audio is missing") from None
    shape = _PARTED.get(frame.type)
    if shape is None:
        return None
    body = frame.body
    for name, inner, kind in shape:
        value = body.get(name)
        if inner and isinstance(value, dict):
            value = value.get(inner)
        if not isinstance(value, kind):
            raise ValueError("a field is amiss")  # noqa: TRY004  # one error for all that is no event
    return frame
