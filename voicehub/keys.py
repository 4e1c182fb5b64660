"""Where requests find what the app built and what the middleware found out: typed keys."""

from aiohttp import web

from voicehub.auth.attempts import LoginAttempts
from voicehub.auth.id_tokens import IdTokens
from voicehub.auth.passwords import Passwords
from voicehub.auth.principal import Principal
from voicehub.auth.refresh_tokens import RefreshTokens
from voicehub.auth.reset_mails import ResetMails
from voicehub.auth.tokens import Tokens
from voicehub.engines.engine import EngineFactory
from voicehub.live.registry import Registry
from voicehub.live.tools import Toolbox
from voicehub.settings import Settings
from voicehub.sinks.spool import Spool
from voicehub.sinks.waveform import Waveforms
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces
from voicehub.telemetry.telemetry import Telemetry

SETTINGS = web.AppKey("settings", Settings)
POSTGRES = web.AppKey("postgres", Postgres)
REDIS = web.AppKey("redis", Redis)
SPACES = web.AppKey("spaces", Spaces)
SPOOL = web.AppKey("spool", Spool)
WAVEFORMS = web.AppKey("waveforms", Waveforms)
ENGINES = web.AppKey("engines", dict[str, EngineFactory])
TOOLS = web.AppKey("tools", Toolbox)
TELEMETRY = web.AppKey("telemetry", Telemetry)
REGISTRY = web.AppKey("registry", Registry)
TOKENS = web.AppKey("tokens", Tokens)
PASSWORDS = web.AppKey("passwords", Passwords)
LOGIN_ATTEMPTS = web.AppKey("login_attempts", LoginAttempts)
REFRESH_TOKENS = web.AppKey("refresh_tokens", RefreshTokens)
# These three are there where settings ask for them.
GOOGLE = web.AppKey("google", IdTokens)
IDENTITY_PROVIDER = web.AppKey("identity_provider", IdTokens)
RESET_MAILS = web.AppKey("reset_mails", ResetMails)
API_DOCUMENT = web.AppKey("api_document", bytes)

# Set by the middleware before a route's own function runs.
REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
