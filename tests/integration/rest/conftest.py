"""A server with the whole URL table on real stores, two teams in its database, and their tokens."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from voicehub import keys
from voicehub.auth.attempts import LoginAttempts
from voicehub.auth.passwords import Passwords, hash_password
from voicehub.auth.refresh_tokens import RefreshTokens
from voicehub.auth.tokens import Tokens
from voicehub.live.registry import Registry
from voicehub.rest.body import BODY_BYTES_MAX
from voicehub.rest.middleware import answer_errors
from voicehub.rest.routes import add_routes
from voicehub.settings import Settings
from voicehub.sinks.spool import Spool
from voicehub.sinks.waveform import Waveforms
from voicehub.storage import users
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces
from voicehub.telemetry.telemetry import Telemetry

PASSWORD = "correct horse battery staple"


@pytest.fixture
def settings(store_environment):
    return Settings(
        **store_environment,
        VOICEHUB_JWT_KEYS="k1:" + "s" * 40,
        VOICEHUB_ADMIN_EMAILS="root@one.example",
        VOICEHUB_SESSIONS_PER_USER=2,
        VOICEHUB_SESSIONS_PER_TEAM=3,
        VOICEHUB_PUBLIC_URL="https://voice.example/",
    )


@pytest.fixture
def tokens(settings):
    return Tokens(
        settings.jwt_keys,
        access_token_s=settings.access_token_s,
        client_secret_s=settings.client_secret_s,
        admin_emails=settings.admin_emails,
    )


@pytest.fixture
async def redis(settings):
    async with Redis.connect(settings.redis_url.get_secret_value()) as redis:
        yield redis


@pytest.fixture
async def spaces(settings):
    async with Spaces(
        endpoint=settings.spaces_endpoint,
        region=settings.spaces_region,
        bucket=settings.spaces_bucket,
        key=settings.spaces_key.get_secret_value(),
        secret=settings.spaces_secret.get_secret_value(),
    ) as spaces:
        yield spaces


@pytest.fixture
async def app(settings, pg, redis, spaces, tokens, open_folder):
    app = web.Application(middlewares=[answer_errors], client_max_size=BODY_BYTES_MAX)
    app[keys.SETTINGS] = settings
    app[keys.POSTGRES] = pg
    app[keys.REDIS] = redis
    app[keys.SPACES] = spaces
    app[keys.TOKENS] = tokens
    app[keys.PASSWORDS] = Passwords()
    app[keys.LOGIN_ATTEMPTS] = LoginAttempts(redis)
    app[keys.REFRESH_TOKENS] = RefreshTokens(redis, life_s=settings.refresh_token_s)
    app[keys.REGISTRY] = Registry()
    app[keys.TELEMETRY] = Telemetry()
    add_routes(app, show_principal)
    async with Spool(open_folder / "spool", bytes_max=64 << 20) as spool:
        app[keys.WAVEFORMS] = Waveforms(spaces, spool)
        yield app
    app[keys.PASSWORDS].close()


async def show_principal(request):
    """Stands where `live` opens the socket, to see who gets there."""
    principal = request[keys.PRINCIPAL]
    return web.json_response({"user": principal.user_id, "session": principal.session_id})


@dataclass
class Web:
    """A client of the server; `ada` is a user of the team that most tests are about."""

    client: TestClient
    pg: Postgres
    tokens: Tokens
    teams: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    answers: list = field(default_factory=list)

    async def ask(self, method, path, *, who="ada", headers=None, **more):
        headers = dict(headers or {})
        if who is not None:
            headers.setdefault("Authorization", f"Bearer {await self.token(who)}")
        response = await self.client.request(method, path, headers=headers, **more)
        body = await response.json(content_type=None) if await response.read() else None
        return response, body

    async def get(self, path, **more):
        return await self.ask("GET", path, **more)

    async def post(self, path, json=None, **more):
        return await self.ask("POST", path, json=json, **more)

    async def token(self, who):
        async with self.pg.connection() as conn:
            team_id = await conn.fetchval(
                "SELECT team_id FROM users WHERE id = $1", self.users[who]
            )
            user = await users.get(conn, team_id, self.users[who])
        return self.tokens.issue_access(user)[0]

    async def run(self, sql, *arguments):
        async with self.pg.connection() as conn:
            return await conn.fetchval(sql, *arguments)

    async def add_team(self, name):
        self.teams[name] = await self.run(
            "INSERT INTO team (label, name) VALUES ($1, $2) RETURNING id", name.title(), name
        )

    async def add_user(self, who, team, email, password_hash):
        self.users[who] = await self.run(
            "INSERT INTO users (team_id, email, display_name, password_hash, settings)"
            " VALUES ($1, $2, $3, $4, '{}') RETURNING id",
            self.teams[team],
            email,
            who.title(),
            password_hash,
        )

    async def add_agent(self, name, team=None):
        self.agents[name] = await self.run(
            "INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, is_built_in,"
            " settings) VALUES ($1, $2, 'secret persona', 'secret prompt', $3, '{}') RETURNING id",
            self.teams[team] if team else None,
            name,
            team is None,
        )
        return self.agents[name]

    async def add_subscription(self, team, used=0, status="active", maximum=1000):
        plan_id = await self.run(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens)"
            " VALUES (gen_random_uuid()::text, $1, $1) RETURNING id",
            Decimal(maximum),
        )
        return await self.run(
            "INSERT INTO subscriptions (team_id, plan_id, status, total_audio_tokens_used,"
            " current_period_start, current_period_end) VALUES ($1, $2, $3, $4,"
            " now() - interval '1 day', now() + interval '1 day') RETURNING id",
            self.teams[team],
            plan_id,
            status,
            Decimal(used),
        )

    async def add_session(self, who="ada", agent="Ava", status="completed", data=None):
        return await self.run(
            "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
            " SELECT id, team_id, $2, $3, now(), $4, '{}' FROM users WHERE id = $1 RETURNING id",
            self.users[who],
            self.agents[agent],
            status,
            {"audio_url": None, "transcript": [], "context": {}} | (data or {}),
        )


@pytest.fixture(scope="session")
def password_hash():
    return hash_password(PASSWORD)


@pytest.fixture
async def web_client(app, pg, tokens, password_hash):
    async with TestClient(TestServer(app)) as client:
        site = Web(client, pg, tokens)
        await site.add_team("one")
        await site.add_team("two")
        await site.add_user("ada", "one", "ada@one.example", password_hash)
        await site.add_user("root", "one", "root@one.example", password_hash)
        await site.add_user("eve", "two", "eve@two.example", password_hash)
        await site.add_agent("Ava")
        await site.add_agent("Own", "one")
        await site.add_agent("Other", "two")
        await site.add_subscription("one")
        await site.add_subscription("two")
        yield site
