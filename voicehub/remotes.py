"""The servers elsewhere that settings name: speech engines, and the tools of agents."""

import os
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)


def _websocket_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"wss", "ws"} or not parts.hostname:
        raise ValueError("an engine's url begins with wss:// or ws://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an engine's url holds no key: key_env names the key's variable")
    return value


def _not_our_own(name: str) -> str:
    if name in {"local", "echo"}:
        raise ValueError("'local' and 'echo' are engines of the server itself")
    return name


# What agents name in `settings.engine`.
EngineName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$"), AfterValidator(_not_our_own)
]


class UpstreamSettings(BaseModel):
    """One entry of `VOICEHUB_ENGINES`: an API that speaks the Realtime protocol."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_websocket_url)] = Field(repr=False)
    model: str | None = None
    key_env: str | None = None
    auth: Literal["bearer", "api-key"] = "bearer"
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    session_max_s: float = Field(3600, ge=1)
    transcription_model: str = "gpt-4o-mini-transcribe"

    def key(self) -> SecretStr | None:
        """The key that the variable `key_env` holds now."""
        value = os.environ.get(self.key_env, "") if self.key_env else ""
        return SecretStr(value) if value else None


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("a tool's url begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a tool's url holds no secret: secret_env names the key's variable")
    return value


# What agents name in `settings.tools`, and models in their calls.
ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class ToolSettings(BaseModel):
    """One entry of `VOICEHUB_TOOLS`: an HTTP endpoint that does something for an agent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_web_url)] = Field(repr=False)
    timeout_s: float = Field(10, gt=0, le=60)
    response_bytes_max: int = Field(16_384, ge=1, le=1 << 20)
    secret_env: str | None = None
    allow_private: bool = False

    def secret(self) -> SecretStr | None:
        """The key that the variable `secret_env` holds now."""
        value = os.environ.get(self.secret_env, "") if self.secret_env else ""
        return SecretStr(value) if value else None
