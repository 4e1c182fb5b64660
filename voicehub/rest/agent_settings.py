"""What an agent's `settings` may hold: the keys that the server reads, checked; others are kept."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from voicehub.errors import ClientError, Fault
from voicehub.realtime.models import MaxTokens, Modalities, Name, Open, SessionAudio
from voicehub.session.tool_list import AGENT_TOOLS_MAX
from voicehub.settings import Settings

SETTINGS_BYTES_MAX = 64 << 10  # of JSON; more is refused with 400
DESCRIPTION_MAX = 4096  # of a tool, as it is told to the model
_PLACE = "#/settings"

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class ServerTool(BaseModel):
    """A tool that the server calls for the agent: an entry of VOICEHUB_TOOLS, by its name."""

    model_config = ConfigDict(strict=True, extra="allow")

    name: ToolName
    description: Annotated[str, Field(max_length=DESCRIPTION_MAX)] = ""
    parameters: Open = Field(default_factory=dict)
    """A JSON Schema of the arguments."""


class ClientTool(BaseModel):
    """A function that the client calls; no other kind, whose address the provider would call."""

    model_config = ConfigDict(strict=True, extra="forbid")

    type: Literal["function"]
    name: ToolName
    description: Annotated[str, Field(max_length=DESCRIPTION_MAX)] | None = None
    parameters: Open | None = None


class AgentSession(BaseModel):
    """The session of the Realtime protocol with which the agent begins, laid over the defaults."""

    model_config = ConfigDict(strict=True, extra="forbid")

    type: Literal["realtime"] = "realtime"
    audio: SessionAudio | None = None
    """Voice (`output.voice`), language (`input.transcription.language`) and turn detection
    (`input.turn_detection`; null: the client says when a turn is over).
    """
    include: list[Name] | None = None
    max_output_tokens: MaxTokens | None = None
    output_modalities: Modalities | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Open | None = None
    tool_choice: Name | Open | None = None
    tools: Annotated[list[ClientTool], Field(max_length=128)] | None = None
    truncation: Name | Open | None = None


class AgentSettings(BaseModel):
    """All keys are optional, and null is the same as none. Keys beyond these are kept."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "engine": "local",
                    "client_may": ["tools"],
                    "session": {
                        "audio": {
                            "input": {"turn_detection": {"type": "semantic_vad"}},
                            "output": {"voice": "marin"},
                        }
                    },
                }
            ]
        },
    )

    engine: Annotated[str, Field(max_length=64)] | None = None
    """The name of an engine that the server has; the default one where it is missing."""
    session: AgentSession | None = None
    client_may: (
        Annotated[
            list[
                Literal["instructions", "tools", "tool_choice", "model", "prompt", "server_tools"]
            ],
            Field(max_length=6),
        ]
        | None
    ) = None
    """What of the agent its client may see and change."""
    tools: Annotated[list[ServerTool], Field(max_length=AGENT_TOOLS_MAX)] | None = None


Json = dict[str, Any]  # Any: a JSON object's values


def merged(before: Json, asked: AgentSettings, settings: Settings) -> Json:
    """`asked` laid over an agent's settings, key by key: null takes a key away, and any other value
    takes the place of the whole former one. Raises ClientError.

    Not deeper, as RFC 7396 has it: null has a meaning of its own further down, where
    `turn_detection: null` turns the detection off.
    """
    _require_known(asked, settings)
    sent = asked.model_dump(mode="json", exclude_unset=True)
    after = {name: value for name, value in (before | sent).items() if value is not None}
    if len(orjson.dumps(after)) > SETTINGS_BYTES_MAX:
        raise _refusal("The settings are longer than 64 KiB of JSON.", _PLACE, "settings")
    return after


def _require_known(asked: AgentSettings, settings: Settings) -> None:
    engines = {"local", *settings.engines, settings.default_engine}
    if asked.engine is not None and asked.engine not in engines:
        raise _refusal(
            "The server has no engine of this name.", f"{_PLACE}/engine", "settings.engine"
        )
    seen: set[str] = set()
    for place, tool in enumerate(asked.tools or ()):
        where = f"{_PLACE}/tools/{place}/name", f"settings.tools.{place}.name"
        if tool.name not in settings.tools:
            raise _refusal("The server has no tool of this name.", *where)
        if tool.name in seen:
            raise _refusal("The tool stands there twice.", *where)
        seen.add(tool.name)


def _refusal(message: str, place: str, param: str) -> ClientError:
    return ClientError(message, param=param, faults=[Fault(place, ClientError.code, message)])
