"""Every setting, read from the environment once; README lists the same table."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _comma_list(value: object) -> object:
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


CommaList = Annotated[list[str], NoDecode, BeforeValidator(_comma_list)]


def _parsed_json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except ValueError:
        raise ValueError("it is not valid JSON") from None


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


class Settings(BaseSettings):
    """Units stand last in a name; a secret never shows in a repr."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore")

    host: str = Field("127.0.0.1", alias="HOST", description="Address to listen on.")
    port: int = Field(
        8080, ge=0, le=65535, alias="PORT", description="Port to listen on; 0 takes a free one."
    )
    workers: int = Field(
        1, ge=1, le=512, alias="VOICEHUB_WORKERS", description="Server processes on that port."
    )
    reuse_port: bool = Field(
        False,
        alias="VOICEHUB_REUSE_PORT",
        description="True lets other servers on this machine listen on that port as well.",
    )
    public_url: str | None = Field(
        None, alias="VOICEHUB_PUBLIC_URL", description="Address that clients use, where it differs."
    )
    tls_cert: FilePath | None = Field(
        None,
        alias="VOICEHUB_TLS_CERT",
        description="PEM file with the certificate and its chain: the server then speaks TLS.",
    )
    tls_key: FilePath | None = Field(
        None, alias="VOICEHUB_TLS_KEY", description="PEM file with its private key."
    )
    database_url: SecretStr = Field(alias="DATABASE_URL", description="Postgres address.")
    database_pooler: bool = Field(
        False,
        alias="VOICEHUB_DATABASE_POOLER",
        description="True behind PgBouncer in transaction mode.",
    )
    redis_url: SecretStr = Field(
        alias="REDIS_URL", description="Redis address: one server, Sentinel or Cluster (see below)."
    )
    spaces_endpoint: str = Field(alias="SPACES_ENDPOINT", description="Address of the S3 API.")
    spaces_region: str = Field(
        "us-east-1", alias="SPACES_REGION", description="Region that requests are signed for."
    )
    spaces_bucket: str = Field(
        "voicehub", alias="SPACES_BUCKET", description="Bucket for recordings."
    )
    spaces_key: SecretStr = Field(alias="SPACES_KEY", description="Access key id.")
    spaces_secret: SecretStr = Field(alias="SPACES_SECRET", description="Secret access key.")

    jwt_keys: CommaList = Field(
        alias="VOICEHUB_JWT_KEYS",
        min_length=1,
        description="Signing keys `kid:secret`, comma-separated; the first signs, all verify.",
    )
    admin_emails: CommaList = Field(
        default_factory=list,
        alias="VOICEHUB_ADMIN_EMAILS",
        description="Users who administer the platform.",
    )
    allowed_origins: CommaList = Field(
        default_factory=list,
        alias="VOICEHUB_ALLOWED_ORIGINS",
        description="Browser origins that may open sockets, besides the server's own.",
    )
    access_token_s: int = Field(
        3600, ge=60, alias="VOICEHUB_ACCESS_TOKEN_S", description="Life of an access token."
    )
    client_secret_s: int = Field(
        600,
        ge=10,
        le=7200,
        alias="VOICEHUB_CLIENT_SECRET_S",
        description="Life of a client secret.",
    )

    grace_s: float = Field(
        30,
        ge=0,
        le=600,
        alias="VOICEHUB_GRACE_S",
        description="How long a session whose connection broke waits for its client.",
    )

    default_engine: str = Field(
        "local", alias="VOICEHUB_ENGINE", description="Engine where an agent names none."
    )
    engines: Annotated[
        dict[EngineName, UpstreamSettings], NoDecode, BeforeValidator(_parsed_json)
    ] = Field(
        default_factory=dict,
        alias="VOICEHUB_ENGINES",
        description="Upstream engines by name, as JSON (see below).",
    )
    tools: Annotated[dict[ToolName, ToolSettings], NoDecode, BeforeValidator(_parsed_json)] = Field(
        default_factory=dict,
        alias="VOICEHUB_TOOLS",
        description="Tools on the server by name, as JSON (see below).",
    )
    chat_url: str | None = Field(
        None,
        alias="VOICEHUB_CHAT_URL",
        description="OpenAI-compatible base URL (`.../v1`) for the offline engine's replies.",
    )
    chat_model: str = Field(
        "gpt-4o-mini", alias="VOICEHUB_CHAT_MODEL", description="Model asked of that endpoint."
    )
    chat_key: SecretStr | None = Field(
        None, alias="VOICEHUB_CHAT_KEY", description="Its bearer key."
    )

    session_max_s: int = Field(
        3600, ge=1, alias="VOICEHUB_SESSION_MAX_S", description="Maximum duration of a session."
    )
    session_idle_s: int = Field(
        300,
        ge=1,
        alias="VOICEHUB_SESSION_IDLE_S",
        description="A session ends after this long without a client event.",
    )
    sessions_per_user: int = Field(
        5, ge=1, alias="VOICEHUB_SESSIONS_PER_USER", description="Open sessions a user may hold."
    )
    sessions_per_team: int = Field(
        100, ge=1, alias="VOICEHUB_SESSIONS_PER_TEAM", description="Open sessions a team may hold."
    )
    self_service_plans: bool = Field(
        False,
        alias="VOICEHUB_SELF_SERVICE_PLANS",
        description="True lets a team's users take plans that cost something by themselves.",
    )
    drain_deadline_s: float = Field(
        20.0,
        ge=0,
        alias="VOICEHUB_DRAIN_DEADLINE_S",
        description="How long a server that is to go away has for turns to end and last writes.",
    )
    keep_context: bool = Field(
        False, alias="VOICEHUB_KEEP_CONTEXT", description="Keep `data.context` after settlement."
    )
    audio_retention_days: int | None = Field(
        None,
        ge=1,
        le=36500,
        alias="VOICEHUB_AUDIO_RETENTION_DAYS",
        description="Recordings of sessions that ended longer ago are removed.",
    )
    transcript_retention_days: int | None = Field(
        None,
        ge=1,
        le=36500,
        alias="VOICEHUB_TRANSCRIPT_RETENTION_DAYS",
        description="The same for transcripts and contexts.",
    )
    cached_token_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        alias="VOICEHUB_CACHED_TOKEN_WEIGHT",
        description="What a cached input token counts.",
    )

    recording_format: Literal["flac", "wav"] = Field(
        "flac", alias="VOICEHUB_RECORDING_FORMAT", description="Container of the recordings."
    )
    spool_folder: Path = Field(
        Path(".voicehub/spool"),
        alias="VOICEHUB_SPOOL",
        description="Audio waits here until Spaces has it.",
    )
    spool_bytes_max: int = Field(
        4 << 30, ge=16 << 20, alias="VOICEHUB_SPOOL_BYTES_MAX", description="Limit of that folder."
    )
    signed_url_s: int = Field(
        300,
        ge=1,
        le=604800,
        alias="VOICEHUB_SIGNED_URL_S",
        description="Life of a recording's signed URL.",
    )
    log_format: Literal["console", "json"] = Field(
        "console", alias="VOICEHUB_LOG", description="Log lines for people or machines."
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise PydanticCustomError(
                "tls_half_set", "VOICEHUB_TLS_CERT and VOICEHUB_TLS_KEY are set together or not."
            )
        return self
