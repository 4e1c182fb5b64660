"""The eleven client events of the GA protocol: their shapes, as they are checked at the edge.

Shapes follow the public SDK's `types/realtime`. Values that belong to a model (voices, models,
tool schemas) are left to the engine.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

# Names, not prose: ids, voices, codes.
Name = Annotated[str, Field(max_length=512)]
# The longest text of one item or instruction; a 32k-token model takes far less.
Text = Annotated[str, Field(max_length=1_000_000)]
# JSON of a model's own (schemas, prompt variables): passed on as it is.
Open = dict[str, Any]
METADATA_MAX = 16


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AudioFormat(_Shape):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: Literal[24000, 8000] | None = None


class ServerVad(_Shape):
    type: Literal["server_vad"]
    threshold: float | None = Field(None, ge=0, le=1)
    prefix_padding_ms: int | None = Field(None, ge=0, le=10_000)
    silence_duration_ms: int | None = Field(None, ge=0, le=60_000)
    idle_timeout_ms: int | None = Field(None, ge=1_000, le=600_000)
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVad(_Shape):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class NoiseReduction(_Shape):
    type: Literal["near_field", "far_field"]


class AudioInput(_Shape):
    format: AudioFormat | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Open | None = None
    turn_detection: TurnDetection | None = None


class AudioOutput(_Shape):
    format: AudioFormat | None = None
    voice: Name | Open | None = None
    speed: float | None = Field(None, ge=0.25, le=1.5)


class SessionAudio(_Shape):
    input: AudioInput | None = None
    output: AudioOutput | None = None


Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
MaxTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]


class Session(_Shape):
    """`session` of `session.update`; what the server adds to it may come back and is ignored."""

    type: Literal["realtime"]
    audio: SessionAudio | None = None
    include: list[Name] | None = None
    instructions: Text | None = None
    max_output_tokens: MaxTokens | None = None
    model: Name | None = None
    output_modalities: Modalities | None = None
    parallel_tool_calls: bool | None = None
    prompt: Open | None = None
    reasoning: Open | None = None
    tool_choice: Name | Open | None = None
    tools: Annotated[list[Open], Field(max_length=128)] | None = None
    tracing: Name | Open | None = None
    truncation: Name | Open | None = None
    id: Name | None = None
    object: Name | None = None
    expires_at: int | None = None
    voicehub: Open | None = None


class Content(BaseModel):
    """A part of a message; the engine says which fields it wants."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["input_text", "input_audio", "input_image", "output_text", "output_audio"]
    text: Text | None = None
    audio: str | None = None
    transcript: Text | None = None


class Item(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    type: Name
    id: Name | None = None
    object: Name | None = None
    status: Name | None = None
    role: Literal["system", "user", "assistant"] | None = None
    content: Annotated[list[Content], Field(max_length=64)] | None = None
    call_id: Name | None = None
    name: Name | None = None
    arguments: Text | None = None
    output: Text | None = None


class ResponseAudio(_Shape):
    output: AudioOutput | None = None


Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=METADATA_MAX),
]


class ResponseParams(_Shape):
    """`response` of `response.create`."""

    audio: ResponseAudio | None = None
    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[Item], Field(max_length=512)] | None = None
    instructions: Text | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Metadata | None = None
    output_modalities: Modalities | None = None
    parallel_tool_calls: bool | None = None
    prompt: Open | None = None
    reasoning: Open | None = None
    tool_choice: Name | Open | None = None
    tools: Annotated[list[Open], Field(max_length=128)] | None = None


class _Event(_Shape):
    event_id: Name | None = None


class SessionUpdate(_Event):
    type: Literal["session.update"]
    session: Session


class BufferAppend(_Event):
    type: Literal["input_audio_buffer.append"]
    audio: str


class BufferCommit(_Event):
    type: Literal["input_audio_buffer.commit"]


class BufferClear(_Event):
    type: Literal["input_audio_buffer.clear"]


class OutputClear(_Event):
    type: Literal["output_audio_buffer.clear"]


class ItemCreate(_Event):
    type: Literal["conversation.item.create"]
    item: Item
    previous_item_id: Name | None = None


class ItemRetrieve(_Event):
    type: Literal["conversation.item.retrieve"]
    item_id: Name


class ItemTruncate(_Event):
    type: Literal["conversation.item.truncate"]
    item_id: Name
    content_index: int = Field(ge=0, le=64)
    audio_end_ms: int = Field(ge=0, le=86_400_000)


class ItemDelete(_Event):
    type: Literal["conversation.item.delete"]
    item_id: Name


class ResponseCreate(_Event):
    type: Literal["response.create"]
    response: ResponseParams | None = None


class ResponseCancel(_Event):
    type: Literal["response.cancel"]
    response_id: Name | None = None


ClientEvent = Annotated[
    SessionUpdate
    | BufferAppend
    | BufferCommit
    | BufferClear
    | OutputClear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel,
    Field(discriminator="type"),
]

CLIENT_EVENT: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)
CLIENT_EVENT_TYPES = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "output_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
)
