"""Every setting, read from the environment once; README lists the same table."""

import json
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from voicehub.remotes import EngineName, ToolName, ToolSettings, UpstreamSettings


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


def _safe_url(value: str) -> str:
    parts = urlsplit(value)
    on_this_machine = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and on_this_machine):
        raise ValueError("it begins with https:// (http:// on this machine alone)")
    return value


# What is fetched there, or sent there, must not be changed or read on the way.
SafeUrl = Annotated[str, AfterValidator(_safe_url)]


def _origin(value: str) -> str:
    """As browsers write it, since it is compared as text; so there is no `*`, and no `null`."""
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or value != f"{parts.scheme}://{parts.netloc}".lower():
        raise ValueError("an origin is scheme://host[:port] in lower case, without a path")
    return value


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
    allowed_origins: Annotated[
        list[Annotated[str, AfterValidator(_origin)]], NoDecode, BeforeValidator(_comma_list)
    ] = Field(
        default_factory=list,
        alias="VOICEHUB_ALLOWED_ORIGINS",
        description="Browser origins that may use the API and open sockets, besides the server's"
        " own.",
    )
    access_token_s: int = Field(
        3600, ge=60, alias="VOICEHUB_ACCESS_TOKEN_S", description="Life of an access token."
    )
    refresh_token_s: int = Field(
        30 * 24 * 3600,
        ge=60,
        alias="VOICEHUB_REFRESH_TOKEN_S",
        description="How long a sign-in lasts, however often its token is refreshed.",
    )
    client_secret_s: int = Field(
        600,
        ge=10,
        le=7200,
        alias="VOICEHUB_CLIENT_SECRET_S",
        description="Life of a client secret.",
    )
    trusted_proxies: Annotated[
        list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_comma_list)
    ] = Field(
        default_factory=list,
        alias="VOICEHUB_TRUSTED_PROXIES",
        description="Networks whose `X-Forwarded-For` is believed, as `10.0.0.0/8`.",
    )
    google_client_ids: CommaList = Field(
        default_factory=list,
        alias="VOICEHUB_GOOGLE_CLIENT_IDS",
        description="OAuth client ids whose Google ID tokens sign in (see below).",
    )
    google_issuers: CommaList = Field(
        default_factory=lambda: ["https://accounts.google.com", "accounts.google.com"],
        alias="VOICEHUB_GOOGLE_ISSUERS",
        description="Who may have issued them.",
    )
    google_jwks_url: SafeUrl = Field(
        "https://www.googleapis.com/oauth2/v3/certs",
        alias="VOICEHUB_GOOGLE_JWKS_URL",
        description="Where Google publishes its keys.",
    )
    google_authorization_url: SafeUrl = Field(
        "https://accounts.google.com/o/oauth2/v2/auth",
        alias="VOICEHUB_GOOGLE_AUTHORIZATION_URL",
        description="Where the console sends people who sign in with Google.",
    )
    idp_issuer: str | None = Field(
        None,
        alias="VOICEHUB_IDP_ISSUER",
        description="An identity provider of your own whose ID tokens sign in: its `iss`.",
    )
    idp_audience: str | None = Field(
        None, alias="VOICEHUB_IDP_AUDIENCE", description="The `aud` of its ID tokens."
    )
    idp_jwks_url: SafeUrl | None = Field(
        None, alias="VOICEHUB_IDP_JWKS_URL", description="Where it publishes its keys."
    )
    idp_team_claim: str | None = Field(
        None,
        alias="VOICEHUB_IDP_TEAM_CLAIM",
        description="The claim that names the team, where it decides on that.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        alias="VOICEHUB_SMTP_URL",
        description="Mail server for password resets, `smtps://...` (see below).",
    )
    mail_from: str | None = Field(
        None, alias="VOICEHUB_MAIL_FROM", description="Sender of these mails."
    )
    password_reset_url: SafeUrl | None = Field(
        None,
        alias="VOICEHUB_PASSWORD_RESET_URL",
        description="Page that asks for the new password; links to it add `#token=`. Without one"
        " it is the console at `VOICEHUB_PUBLIC_URL`.",
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
    webhooks_allow_private: bool = Field(
        False,
        alias="VOICEHUB_WEBHOOKS_ALLOW_PRIVATE",
        description="True lets webhooks go to private addresses, and without TLS. For development.",
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
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        alias="VOICEHUB_LOG",
        description="Log lines for people (`console`) or machines (`json`); `auto`: for people"
        " on a terminal only.",
    )
    metrics_host: str = Field(
        "127.0.0.1",
        alias="VOICEHUB_METRICS_HOST",
        description="Address that serves `GET /metrics`; keep it from the public.",
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        alias="VOICEHUB_METRICS_PORT",
        description="Port for it; without one there are no metrics. Of several workers the second"
        " has the next port, and so on.",
    )
    worker_metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        alias="VOICEHUB_WORKER_METRICS_PORT",
        description="The same of `voicehub worker`.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        alias="VOICEHUB_METRICS_TOKEN",
        description="Bearer token that the metrics then ask for.",
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise PydanticCustomError(
                "tls_half_set", "VOICEHUB_TLS_CERT and VOICEHUB_TLS_KEY are set together or not."
            )
        return self

    @model_validator(mode="after")
    def _identity_provider_is_whole(self) -> Self:
        given = (self.idp_issuer, self.idp_audience, self.idp_jwks_url)
        if any(given) != all(given) or (self.idp_team_claim and not all(given)):
            raise PydanticCustomError(
                "idp_half_set",
                "VOICEHUB_IDP_ISSUER, VOICEHUB_IDP_AUDIENCE and VOICEHUB_IDP_JWKS_URL"
                " are set together or not.",
            )
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.smtp_url and not (self.mail_from and self.reset_page_url):
            raise PydanticCustomError(
                "mail_half_set",
                "VOICEHUB_SMTP_URL wants VOICEHUB_MAIL_FROM too, and either"
                " VOICEHUB_PASSWORD_RESET_URL or a VOICEHUB_PUBLIC_URL with https://.",
            )
        return self

    @property
    def reset_page_url(self) -> str | None:
        """Where links for a new password lead: the page that is set, or else the console."""
        if self.password_reset_url or not self.public_url:
            return self.password_reset_url
        try:
            return _safe_url(f"{self.public_url.rstrip('/')}/")
        except ValueError:
            # Whoever changes that page on its way gets the token.
            return None
