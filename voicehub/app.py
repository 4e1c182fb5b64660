"""The only composition root: every resource is built here once, in the order of this file."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from aiohttp import ClientSession, web

from voicehub.auth.attempts import LoginAttempts
from voicehub.auth.passwords import Passwords
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
    LOGIN_ATTEMPTS,
    PASSWORDS,
    POSTGRES,
    REDIS,
    REGISTRY,
    SETTINGS,
    SPACES,
    SPOOL,
    TOKENS,
    TOOLS,
    WAVEFORMS,
)
from voicehub.live.registry import Registry
from voicehub.live.socket import open_socket
from voicehub.live.tools import Toolbox
from voicehub.rest.body import BODY_BYTES_MAX
from voicehub.rest.middleware import answer_errors
from voicehub.rest.routes import add_routes
from voicehub.settings import Settings, UpstreamSettings
from voicehub.sinks.spool import Spool
from voicehub.sinks.waveform import Waveforms
from voicehub.storage.migrations import check_version
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces
from voicehub.tasks import spawn

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
    app.cleanup_ctx.extend((_postgres, _redis, _spaces, _spooled, _passwords, _engines, _tools))
    app.on_response_prepare.append(_send_elsewhere)
    app.on_shutdown.append(_drain)
    add_routes(app, open_socket)
    add_console(app, [settings.spaces_endpoint])
    return app


async def _drain(app: web.Application) -> None:
    """Where the server goes without having been asked."""
    if not app[REGISTRY].draining:
        await app[REGISTRY].drain(app[SETTINGS].drain_deadline_s)


async def _send_elsewhere(request: web.Request, response: web.StreamResponse) -> None:
    """The client's next request goes to another server."""
    if request.app[REGISTRY].draining and not isinstance(response, web.WebSocketResponse):
        response.force_close()
        response.headers["Connection"] = "close"


async def _postgres(app: web.Application) -> AsyncIterator[None]:
    async with postgres_of(app[SETTINGS]) as postgres:
        async with postgres.connection() as conn:
            await check_version(conn)
        app[POSTGRES] = postgres
        yield


async def _redis(app: web.Application) -> AsyncIterator[None]:
    async with Redis.connect(app[SETTINGS].redis_url.get_secret_value()) as redis:
        app[REDIS] = redis
        app[LOGIN_ATTEMPTS] = LoginAttempts(redis)
        yield


async def _spaces(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with spaces_of(settings) as spaces, spool_of(settings) as spool:
        app[SPACES], app[SPOOL] = spaces, spool
        app[WAVEFORMS] = Waveforms(spaces, spool)
        yield


async def _spooled(app: web.Application) -> AsyncIterator[None]:
    stores = Stores(app[POSTGRES], app[REDIS], app[SPACES], app[SPOOL])
    stopped = asyncio.Event()
    job = spawn(run_jobs(stopped, [servers_job(stores)]), name="spooled recordings")
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
async def postgres_of(settings: Settings) -> AsyncIterator[Postgres]:
    postgres = await Postgres.connect(
        settings.database_url.get_secret_value(), pooler=settings.database_pooler
    )
    try:
        yield postgres
    finally:
        await postgres.close()


def spaces_of(settings: Settings) -> Spaces:
    return Spaces(
        endpoint=settings.spaces_endpoint,
        region=settings.spaces_region,
        bucket=settings.spaces_bucket,
        key=settings.spaces_key.get_secret_value(),
        secret=settings.spaces_secret.get_secret_value(),
    )


def spool_of(settings: Settings) -> Spool:
    return Spool(settings.spool_folder, bytes_max=settings.spool_bytes_max)


@asynccontextmanager
async def stores_of(settings: Settings) -> AsyncIterator[Stores]:
    """What the jobs work on."""
    async with (
        postgres_of(settings) as postgres,
        Redis.connect(settings.redis_url.get_secret_value()) as redis,
        spaces_of(settings) as spaces,
        spool_of(settings) as spool,
    ):
        yield Stores(postgres, redis, spaces, spool)


def rules_of(settings: Settings) -> Rules:
    return Rules(
        keep_context=settings.keep_context,
        audio_days=settings.audio_retention_days,
        transcript_days=settings.transcript_retention_days,
    )


async def _passwords(app: web.Application) -> AsyncIterator[None]:
    app[PASSWORDS] = Passwords()
    yield
    app[PASSWORDS].close()


async def _engines(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with AsyncExitStack() as stack:
        engines: dict[str, EngineFactory] = {LOCAL: await _local_engine(settings, stack)}
        if settings.default_engine == ECHO:
            engines[ECHO] = lambda: ScriptedEngine(Echo(name=f"{secrets.token_hex(4)}_"))
        engines |= await _upstream_engines(settings, stack)
        app[ENGINES] = engines
        yield


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
