"""What agents look like in bodies and answers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from voicehub.rest import body
from voicehub.rest.agent_settings import AgentSettings
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Identifier, Name, Shown
from voicehub.storage.agents import Agent, Filters

# A model of 32,000 tokens takes about that much and nothing else.
PROMPT_MAX = 100_000
DESCRIPTION_MAX = 10_000

Prompt = Annotated[str, Field(max_length=PROMPT_MAX)]
Description = Annotated[str, Field(max_length=DESCRIPTION_MAX)]

_ROW: JsonDict = {
    "object": "agent",
    "id": 12,
    "team_id": 1,
    "creator_id": 7,
    "name": "Ava",
    "description": "Takes messages.",
    "is_built_in": False,
    "created_at": "2026-11-23T10:00:00Z",
    "updated_at": "2026-11-23T10:00:00Z",
}
_WORDS: JsonDict = {
    "persona_prompt": "You are Ava, the receptionist.",
    "system_prompt": "Answer in one or two short sentences.",
    "settings": {"engine": "local"},
}


class AgentsQuery(ListQuery):
    name: Annotated[str, Field(max_length=255)] | None = None
    """Exactly so; several agents may have a name."""
    creator_id: Identifier | None = None
    is_built_in: bool | None = None

    @property
    def filters(self) -> Filters:
        return Filters(self.name, self.creator_id, self.is_built_in)


class AllAgentsQuery(AgentsQuery):
    team_id: Identifier | None = None
    is_deleted: bool | None = None


class NewAgent(body.Body):
    name: Name
    description: Description | None = None
    persona_prompt: Prompt = ""
    """Who the agent is."""
    system_prompt: Prompt = ""
    """What it does, and how."""
    settings: AgentSettings = Field(default_factory=AgentSettings)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Ava", "description": "Takes messages.", **_WORDS}]
        }
    )


class AgentPatch(body.Body):
    """Only what is sent changes. Of `settings` each key that is sent is replaced as a whole, and
    one that is null is taken away.
    """

    name: Name = ""
    description: Description | None = None
    persona_prompt: Prompt = ""
    system_prompt: Prompt = ""
    settings: AgentSettings = Field(default_factory=AgentSettings)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"description": None, "settings": {"client_may": ["tools"]}}]
        }
    )


class AgentShown(Shown):
    """An agent in a list."""

    object: Literal["agent"] = "agent"
    id: int
    team_id: int | None
    """Null for a built-in agent, which serves every team."""
    creator_id: int | None
    """Null for a built-in one, and for one that an admin made for the team."""
    name: str
    description: str | None
    is_built_in: bool
    created_at: datetime
    updated_at: datetime

    model_config = ConfigDict(json_schema_extra={"examples": [_ROW]})


class WholeAgent(AgentShown):
    persona_prompt: str | None
    """Null, as `system_prompt` and `settings`, where the agent is built-in: those are the
    platform's, and shown to admins only.
    """
    system_prompt: str | None
    settings: dict[str, Any] | None

    model_config = ConfigDict(json_schema_extra={"examples": [_ROW | _WORDS]})


class AdminsAgent(AgentShown):
    """An agent in an admin's list."""

    deleted_at: datetime | None

    model_config = ConfigDict(json_schema_extra={"examples": [_ROW | {"deleted_at": None}]})


def whole(agent: Agent, *, with_prompts: bool) -> WholeAgent:
    shown = WholeAgent.model_validate(agent)
    if with_prompts:
        return shown
    return shown.model_copy(
        update={"persona_prompt": None, "system_prompt": None, "settings": None}
    )
