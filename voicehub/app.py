"""The only composition root: every resource is built here once, in the order of this file."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import structlog
from aiohttp import ClientSession, DummyCookieJar, web

from voicehub.auth.attempts import LoginAttempts
from voicehub.auth.id_tokens import IdTokens
from voicehub.auth.key_set import KeySet
from voicehub.auth.passwords import Passwords
from voicehub.auth.refresh_tokens import RefreshTokens
from voicehub.auth.reset_mails import ResetMails
from voicehub.auth.smtp import MailServer
from voicehub.auth.tokens import Tokens
from voicehub.console.pages import add_console
from voicehub.engines.engine import EngineFactory
from voicehub.engines.local.chat import ChatResponder
from voicehub.engines.local.engine import LocalEngine
from voicehub.engines.local.models import SpeechModels
from voicehub.engines.local.reply import Responder
from voicehub.engines.local.responder import BuiltInResponder
from voicehub.engines.scripted import Echo, ScriptedEngine
from voicehub.engines.upstream.account import Upstream
from voicehub.engines.upstream.dial import open_http
from voicehub.engines.upstream.engine import UpstreamEngine
from voicehub.errors import EngineError
from voicehub.jobs.table import Rules, Stores, servers_job
from voicehub.jobs.worker import run_jobs
from voicehub.keys import (
    ENGINES,
    GOOGLE,
    IDENTITY_PROVIDER,
    LOGIN_ATTEMPTS,
    PASSWORDS,
    POSTGRES,
    REDIS,
    REFRESH_TOKENS,
    REGISTRY,
    RESET_MAILS,
    SETTINGS,
    SPACES,
    SPOOL,
    TELEMETRY,
    TOKENS,
    TOOLS,
    WAVEFORMS,
)
from voicehub.live.registry import Registry
from voicehub.live.socket import open_socket
from voicehub.live.tools import Toolbox
from voicehub.remotes import UpstreamSettings
from voicehub.rest.body import BODY_BYTES_MAX
from voicehub.rest.middleware import answer_errors
from voicehub.rest.routes import add_routes
from voicehub.settings import Settings
from voicehub.sinks.spool import Spool
from voicehub.sinks.waveform import Waveforms
from voicehub.storage.migrations import check_version
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces
from voicehub.tasks import spawn
from voicehub.telemetry.exposition import Place, exposed
from voicehub.telemetry.telemetry import Telemetry
from voicehub.telemetry.tracing import open_tracing

# A server's own engine for load tests: it speaks back what it hears.
ECHO = "echo"
LOCAL = "local"

logger = structlog.get_logger(__name__)


def create_app(settings: Settings) -> web.Application:
    """The server, not yet listening. Its resources open in order and close in reverse."""
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[answer_errors])
    app[SETTINGS] = settings
    app[TOKENS] = tokens_of(settings)
    app[REGISTRY] = Registry()
    app[TELEMETRY] = Telemetry(open_tracing())
    app.cleanup_ctx.extend((_metrics, _postgres, _redis, _spaces, _spooled))
    app.cleanup_ctx.extend((_passwords, _identities, _reset_mails, _engines, _tools))
    app.on_response_prepare.append(_send_elsewhere)
    app.on_shutdown.append(_drain)
    add_routes(app, open_socket)
    add_console(app, _media_origins(settings))
    return app


def _media_origins(settings: Settings) -> list[str]:
    """Where signed URLs point: the endpoint, or the bucket's own host below it."""
    parts = urlsplit(settings.spaces_endpoint)
    bucket_host = f"{parts.scheme}://{settings.spaces_bucket}.{parts.netloc}"
    return [f"{parts.scheme}://{parts.netloc}", bucket_host]


async def _drain(app: web.Application) -> None:
    """Where the server goes without having been asked."""
    if not app[REGISTRY].draining:
        await app[REGISTRY].drain(app[SETTINGS].drain_deadline_s)


async def _send_elsewhere(request: web.Request, response: web.StreamResponse) -> None:
    """The client's next request goes to another server."""
    if request.app[REGISTRY].draining and not isinstance(response, web.WebSocketResponse):
        response.force_close()
        response.headers["Connection"] = "close"


async def _metrics(app: web.Application) -> AsyncIterator[None]:
    telemetry, registry = app[TELEMETRY], app[REGISTRY]
    telemetry.sessions.read_from(registry.states)
    telemetry.settlement_lag.read_from(registry.settlement_lag_s)
    async with exposed(telemetry, metrics_place(app[SETTINGS], app[SETTINGS].metrics_port)):
        yield


def metrics_place(settings: Settings, port: int | None) -> Place:
    token = settings.metrics_token
    return Place(settings.metrics_host, port, token.get_secret_value() if token else None)


async def _postgres(app: web.Application) -> AsyncIterator[None]:
    async with postgres_of(app[SETTINGS], app[TELEMETRY]) as postgres:
        async with postgres.connection() as conn:
            await check_version(conn)
        app[POSTGRES] = postgres
        yield


async def _redis(app: web.Application) -> AsyncIterator[None]:
    async with redis_of(app[SETTINGS], app[TELEMETRY]) as redis:
        app[REDIS] = redis
        app[LOGIN_ATTEMPTS] = LoginAttempts(redis)
        app[REFRESH_TOKENS] = RefreshTokens(redis, life_s=app[SETTINGS].refresh_token_s)
        yield


async def _spaces(app: web.Application) -> AsyncIterator[None]:
    settings, telemetry = app[SETTINGS], app[TELEMETRY]
    async with spaces_of(settings, telemetry) as spaces, spool_of(settings, telemetry) as spool:
        app[SPACES], app[SPOOL] = spaces, spool
        app[WAVEFORMS] = Waveforms(spaces, spool)
        yield


async def _spooled(app: web.Application) -> AsyncIterator[None]:
    stores = Stores(app[POSTGRES], app[REDIS], app[SPACES], app[SPOOL])
    stopped = asyncio.Event()
    job = spawn(run_jobs(stopped, [servers_job(stores)], app[TELEMETRY]), name="spooled recordings")
    yield
    stopped.set()
    await job


def tokens_of(settings: Settings) -> Tokens:
    return Tokens(
        settings.jwt_keys,
        access_token_s=settings.access_token_s,
        client_secret_s=settings.client_secret_s,
        admin_emails=settings.admin_emails,
    )


@asynccontextmanager
async def postgres_of(
    settings: Settings, telemetry: Telemetry | None = None
) -> AsyncIterator[Postgres]:
    telemetry = telemetry or Telemetry()
    postgres = await Postgres.connect(
        settings.database_url.get_secret_value(),
        pooler=settings.database_pooler,
        telemetry=telemetry,
    )
    telemetry.store_away.read_from(lambda: {("postgres",): postgres.outage.away})
    try:
        yield postgres
    finally:
        await postgres.close()


@asynccontextmanager
async def redis_of(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[Redis]:
    telemetry = telemetry or Telemetry()
    async with Redis.connect(settings.redis_url.get_secret_value(), telemetry) as redis:
        telemetry.store_away.read_from(lambda: {("redis",): redis.outage.away})
        yield redis


def spaces_of(settings: Settings, telemetry: Telemetry | None = None) -> Spaces:
    telemetry = telemetry or Telemetry()
    spaces = Spaces(
        endpoint=settings.spaces_endpoint,
        region=settings.spaces_region,
        bucket=settings.spaces_bucket,
        key=settings.spaces_key.get_secret_value(),
        secret=settings.spaces_secret.get_secret_value(),
        telemetry=telemetry,
    )
    telemetry.store_away.read_from(lambda: {("spaces",): spaces.outage.away})
    return spaces


def spool_of(settings: Settings, telemetry: Telemetry | None = None) -> Spool:
    telemetry = telemetry or Telemetry()
    spool = Spool(settings.spool_folder, bytes_max=settings.spool_bytes_max)
    telemetry.spool_bytes.read_from(lambda: {(): spool.bytes_used})
    telemetry.spool_age.read_from(lambda: {(): spool.oldest_s()})
    return spool


@asynccontextmanager
async def stores_of(
    settings: Settings, telemetry: Telemetry | None = None
) -> AsyncIterator[Stores]:
    """What the jobs work on."""
    async with (
        postgres_of(settings, telemetry) as postgres,
        redis_of(settings, telemetry) as redis,
        spaces_of(settings, telemetry) as spaces,
        spool_of(settings, telemetry) as spool,
    ):
        yield Stores(postgres, redis, spaces, spool)


def rules_of(settings: Settings) -> Rules:
    return Rules(
        keep_context=settings.keep_context,
        audio_days=settings.audio_retention_days,
        transcript_days=settings.transcript_retention_days,
        webhooks_to_private=settings.webhooks_allow_private,
    )


async def _passwords(app: web.Application) -> AsyncIterator[None]:
    app[PASSWORDS] = Passwords()
    yield
    app[PASSWORDS].close()


async def _identities(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        if settings.google_client_ids:
            app[GOOGLE] = IdTokens(
                KeySet(settings.google_jwks_url, http),
                issuers=settings.google_issuers,
                audiences=settings.google_client_ids,
            )
        if settings.idp_jwks_url and settings.idp_issuer and settings.idp_audience:
            app[IDENTITY_PROVIDER] = IdTokens(
                KeySet(settings.idp_jwks_url, http),
                issuers=[settings.idp_issuer],
                audiences=[settings.idp_audience],
                team_claim=settings.idp_team_claim,
            )
        yield


async def _reset_mails(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    if not (settings.smtp_url and settings.mail_from and settings.reset_page_url):
        yield
        return
    mails = app[RESET_MAILS] = ResetMails(
        app[POSTGRES],
        app[TOKENS],
        MailServer.at(settings.smtp_url.get_secret_value()),
        sender=settings.mail_from,
        page_url=settings.reset_page_url,
    )
    yield
    await mails.close()


async def _engines(app: web.Application) -> AsyncIterator[None]:
    async with engines_of(app[SETTINGS]) as engines:
        app[ENGINES] = engines
        yield


@asynccontextmanager
async def engines_of(settings: Settings) -> AsyncIterator[dict[str, EngineFactory]]:
    """What agents may name, by that name."""
    async with AsyncExitStack() as stack:
        engines: dict[str, EngineFactory] = {LOCAL: await _local_engine(settings, stack)}
        if settings.default_engine == ECHO:
            engines[ECHO] = lambda: ScriptedEngine(Echo(name=f"{secrets.token_hex(4)}_"))
        engines |= await _upstream_engines(settings, stack)
        yield engines


async def _tools(app: web.Application) -> AsyncIterator[None]:
    async with Toolbox(app[SETTINGS].tools) as toolbox:
        app[TOOLS] = toolbox
        yield


async def _local_engine(settings: Settings, stack: AsyncExitStack) -> EngineFactory:
    """The offline engine; where its parts are missing, one that says so when it is asked for."""
    if settings.default_engine == ECHO:
        return _missing(EngineError("The offline engine is not loaded beside the echo engine."))
    try:
        models = await SpeechModels.load()
    except EngineError as error:
        logger.warning("the offline engine is not available", reason=error.message)
        return _missing(error)
    stack.push_async_callback(models.close)
    responder = _responder(settings, stack)
    return lambda: LocalEngine(models, responder)


async def _upstream_engines(settings: Settings, stack: AsyncExitStack) -> dict[str, EngineFactory]:
    if not settings.engines:
        return {}
    http = await stack.enter_async_context(open_http())
    return {name: _upstream_engine(name, each, http) for name, each in settings.engines.items()}


def _upstream_engine(name: str, configured: UpstreamSettings, http: ClientSession) -> EngineFactory:
    key = configured.key()
    if configured.key_env is not None and key is None:
        logger.warning("an engine has no key", engine=name, variable=configured.key_env)
        return _missing(EngineError(f"The engine '{name}' is not available: its key is not set."))
    upstream = Upstream(
        name,
        url=configured.url,
        model=configured.model,
        key=key.get_secret_value() if key else None,
        auth=configured.auth,
        more_headers=configured.headers,
        session_max_s=configured.session_max_s,
        transcription_model=configured.transcription_model,
    )
    return lambda: UpstreamEngine(upstream, http)


def _responder(settings: Settings, stack: AsyncExitStack) -> Responder:
    if settings.chat_url is None:
        return BuiltInResponder()
    key = settings.chat_key.get_secret_value() if settings.chat_key else None
    responder = ChatResponder(settings.chat_url, settings.chat_model, key)
    stack.push_async_callback(responder.close)
    return responder


def _missing(error: EngineError) -> EngineFactory:
    def refuse() -> LocalEngine:
        raise EngineError(error.message, code=error.code)

    return refuse
