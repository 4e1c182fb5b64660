"""A server over TLS on the embedded stack, an agent whose tools its client has, and speech."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from tests.conformance import autobahn, node
from tests.conformance.program import CLIENTS, Program, Report
from tests.conformance.site import Certificate, Served, served
from voicehub.auth.passwords import hash_password
from voicehub.client.api import Api
from voicehub.devstack import Stack
from voicehub.storage import seed
from voicehub.talk import speech

AGENT = "Clerk"
PASSWORD = "conformance"
WORDS = {
    "hello": "Hello, my name is Julia.",
    "weather": "What is the weather in Paris?",
    "story": "Could you tell me a story please?",
    "name": "Sorry, what is my name?",
    "sum": "What is twelve times seven?",
}

# Autobahn's fuzzing client runs under Python 2.7 alone, which a machine need not have.
collect_ignore = [] if autobahn.python2() else ["test_autobahn.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if collect_ignore:
        terminalreporter.write_line("No Python 2.7 here: autobahntestsuite was left out.")


@dataclass
class Site:
    """The server that the clients talk to."""

    server: Served
    certificate: Certificate
    api: Api
    token: str
    clips: dict[str, Path]
    folder: Path

    async def run(self, client: str) -> Report:
        return await Program(client).run(
            self.folder,
            self.server,
            self.certificate,
            token=self.token,
            agent=AGENT,
            clips=self.clips,
        )


@pytest.fixture(scope="module")
async def site(stack: Stack, template_database: str, tmp_path_factory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("conformance")
    certificate = Certificate.made_in(folder)
    database_url = await _database(stack, template_database)
    async with Redis.from_url(stack.redis_url) as redis:
        await redis.flushall()
    stack.spaces.make_bucket("conformance")
    environment = {
        **stack.environment(),
        "DATABASE_URL": database_url,
        "SPACES_BUCKET": "conformance",
        "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
        "VOICEHUB_SPOOL": str(folder / "spool"),
        "VOICEHUB_TLS_CERT": str(certificate.cert),
        "VOICEHUB_TLS_KEY": str(certificate.key),
        "VOICEHUB_SESSIONS_PER_USER": "20",
        # The SDKs come back with a session of their own, so the one before is over soon.
        "VOICEHUB_GRACE_S": "1",
    }
    tls = aiohttp.TCPConnector(ssl=certificate.trusting())
    async with (
        served(environment, folder) as server,
        aiohttp.ClientSession(connector=tls) as http,
    ):
        token = await _token(http, server.url)
        api = Api(http, server.url, token)
        clips = await asyncio.to_thread(_clips, folder)
        yield Site(server, certificate, api, token, clips, folder)
    await _administer(stack, "DROP DATABASE conformance WITH (FORCE)")


@pytest.fixture(scope="module")
async def reports(site: Site) -> dict[str, Report]:
    """Every client's conversation, all at the same time."""
    await node.install(site.folder)
    ran = await asyncio.gather(*(site.run(client) for client in CLIENTS))
    return dict(zip(CLIENTS, ran, strict=True))


async def _token(http: aiohttp.ClientSession, url: str) -> str:
    sign_in = {"email": seed.USER_EMAIL, "password": PASSWORD}
    async with http.post(f"{url}/v1/auth/login", json=sign_in) as response:
        return str((await response.json())["access_token"])


def _clips(folder: Path) -> dict[str, Path]:
    paths = {}
    for name, words in WORDS.items():
        paths[name] = folder / f"{name}.pcm"
        paths[name].write_bytes(speech(words).tobytes())
    return paths


async def _database(stack: Stack, template: str) -> str:
    """A database with a team that has a plan, and an agent of its own."""
    await _administer(stack, f"CREATE DATABASE conformance TEMPLATE {template}")
    url = stack.postgres.url("conformance")
    conn = await asyncpg.connect(url)
    try:
        seeded = await seed.seed(conn, hash_password=hash_password, user_password=PASSWORD)
        await conn.execute(
            "INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, is_built_in,"
            " settings) VALUES ($1, $2, 'You are Clerk, who knows the weather.', '', false, $3)",
            seeded.team_id,
            AGENT,
            '{"engine": "local", "client_may": ["tools", "tool_choice"]}',
        )
    finally:
        await conn.close()
    return url


async def _administer(stack: Stack, statement: str) -> None:
    conn = await asyncpg.connect(stack.postgres.url("postgres"))
    try:
        await conn.execute(statement)
    finally:
        await conn.close()
