"""Where requests find what the app built and what the middleware found out: typed keys."""

from aiohttp import web

from voicehub.auth.attempts import LoginAttempts
from voicehub.auth.passwords import Passwords
from voicehub.auth.principal import Principal
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

SETTINGS = web.AppKey("settings", Settings)
POSTGRES = web.AppKey("postgres", Postgres)
REDIS = web.AppKey("redis", Redis)
SPACES = web.AppKey("spaces", Spaces)
SPOOL = web.AppKey("spool", Spool)
WAVEFORMS = web.AppKey("waveforms", Waveforms)
ENGINES = web.AppKey("engines", dict[str, EngineFactory])
TOOLS = web.AppKey("tools", Toolbox)
REGISTRY = web.AppKey("registry", Registry)
TOKENS = web.AppKey("tokens", Tokens)
PASSWORDS = web.AppKey("passwords", Passwords)
LOGIN_ATTEMPTS = web.AppKey("login_attempts", LoginAttempts)

# Set by the middleware before a route's own function runs.
REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
