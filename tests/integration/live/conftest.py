"""The real server on real stores, with a team that may talk; a test asks for its own settings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from redis.asyncio import Redis as RedisClient

from tests.realtime import STEP_S_MAX, Puppet, Talk
from voicehub.app import create_app
from voicehub.keys import ENGINES, REGISTRY, TOKENS
from voicehub.realtime.tokens import duration_usage
from voicehub.settings import Settings
from voicehub.storage import users
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis

PLAN_TOKENS = 1_000_000
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass
class Site:
    """One server process; `ada` and `bob` belong to the team `one`, `eve` to `two`."""

    client: TestClient
    app: web.Application
    pg: Postgres
    redis: Redis
    raw_redis: RedisClient
    users: dict[str, int]
    teams: dict[str, int]
    agents: dict[str, int]
    engines: list[Puppet] = field(default_factory=list)

    @property
    def engine(self) -> Puppet:
        """The engine of the session that was opened last."""
        return self.engines[-1]

    async def token(self, who: str = "ada") -> str:
        team_id = self.teams["two" if who == "eve" else "one"]
        async with self.pg.connection() as conn:
            user = await users.get(conn, team_id, self.users[who])
        assert user is not None
        return self.app[TOKENS].issue_access(user)[0]

    async def ask(self, method: str, path: str, *, who: str = "ada", **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {await self.token(who)}"}
        async with self.client.request(method, path, headers=headers, **more) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def create(self, who: str = "ada", **body: Any) -> Any:
        return await self.ask("POST", "/v1/sessions", who=who, json={"agent": "Ava", **body})

    async def talk(
        self, query: str = "model=Ava", *, who: str = "ada", token: str | None = None, **more: Any
    ) -> Talk:
        """Open a socket, and read as far as `session.created`."""
        proof = token or await self.token(who)
        socket = await self.client.ws_connect(
            f"/v1/realtime?{query}", headers={"Authorization": f"Bearer {proof}"}, **more
        )
        talk = Talk(socket)
        await talk.until("session.created")
        return talk

    async def greeted(self, *, extended: bool = True) -> Talk:
        """A conversation in which the agent has said "Hello."; by default one of voicehub.v1."""
        talk = await self.talk(protocols=["voicehub.v1"] if extended else [])
        await self.engine.begin_reply(1)
        await self.engine.end_reply(1, "Hello.", usage=duration_usage(0, 1_000, 5, 0))
        await talk.until("response.done")
        return talk

    async def refused(
        self,
        query: str = "model=Ava",
        *,
        who: str = "ada",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any, str]:
        """Status, headers and error code of a handshake that must fail."""
        proof = token if token is not None else await self.token(who)
        sent = {**UPGRADE, "Authorization": f"Bearer {proof}", **(headers or {})}
        async with self.client.get(f"/v1/realtime?{query}", headers=sent) as response:
            assert response.status != 101
            body = await response.json()
        return response.status, response.headers, body["error"]["code"]

    async def row(self, session_id: int) -> dict[str, Any]:
        async with self.pg.connection() as conn:
            record = await conn.fetchrow("SELECT * FROM sessions WHERE id = $1", session_id)
        assert record is not None
        return dict(record)

    async def lines_in_redis(self, session_id: int, team: str = "one") -> list[Any]:
        key = f"{{team:{self.teams[team]}}}:session:{session_id}:lines"
        entries = await self.raw_redis.xrange(key)
        return [orjson.loads(fields[b"line"]) for _, fields in entries]

    async def run(self, sql: str, *arguments: Any) -> Any:
        async with self.pg.connection() as conn:
            return await conn.fetchval(sql, *arguments)

    async def used(self, team: str = "one") -> tuple[Decimal, Decimal]:
        """What the team's subscription shows."""
        async with self.pg.connection() as conn:
            record = await conn.fetchrow(
                "SELECT total_audio_tokens_used, total_text_tokens_used FROM subscriptions"
                " WHERE team_id = $1",
                self.teams[team],
            )
        assert record is not None
        return record[0], record[1]

    async def over(self, session_id: int) -> dict[str, Any]:
        """The session's row, once the server has made its last write."""
        held = [task for task in asyncio.all_tasks() if task.get_name() == f"session {session_id}"]
        if held:
            async with asyncio.timeout(STEP_S_MAX):
                await asyncio.wait(held)
        return await self.row(session_id)

    async def until(self, session_id: int, is_so: Callable[[dict[str, Any]], bool]) -> Any:
        """The session's row, once it is so."""
        async with asyncio.timeout(STEP_S_MAX):
            while not is_so(row := await self.row(session_id)):
                pass
        return row

    async def drain(self, deadline_s: float) -> None:
        await self.app[REGISTRY].drain(deadline_s)


NewSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def new_site(store_environment, pg, tmp_path) -> AsyncIterator[NewSite]:
    """Starts servers, all on the same stores. Variables of the settings are keyword arguments."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(Redis.connect(store_environment["REDIS_URL"]))
        raw = await stack.enter_async_context(RedisClient.from_url(store_environment["REDIS_URL"]))
        rows = await _rows(pg)

        async def start(**variables: Any) -> Site:
            known = {
                "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
                "VOICEHUB_ENGINE": "echo",
                "VOICEHUB_SPOOL": tmp_path / "spool",
                # Who is lost ends at once, but in the tests of coming back.
                "VOICEHUB_GRACE_S": 0,
            }
            app = create_app(Settings(**{**store_environment, **known, **variables}))
            client = await stack.enter_async_context(TestClient(TestServer(app)))
            site = Site(client, app, pg, redis, raw, *rows)
            app[ENGINES]["puppet"] = _keeping(site.engines)
            return site

        yield start


@pytest.fixture
async def site(new_site) -> Site:
    return await new_site()


def _keeping(engines: list[Puppet]) -> Callable[[], Puppet]:
    def make() -> Puppet:
        engines.append(Puppet())
        return engines[-1]

    return make


async def _rows(pg: Postgres) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    async with pg.connection() as conn:
        teams = {
            name: await conn.fetchval(
                "INSERT INTO team (label, name) VALUES ($1, $1) RETURNING id", name
            )
            for name in ("one", "two")
        }
        people = {
            who: await conn.fetchval(
                "INSERT INTO users (team_id, email, display_name, settings)"
                " VALUES ($1, $2 || '@voice.example', $2, '{}') RETURNING id",
                teams[team],
                who,
            )
            for who, team in (("ada", "one"), ("bob", "one"), ("eve", "two"))
        }
        agents = {
            name: await conn.fetchval(
                "INSERT INTO ai_agents (team_id, name, persona_prompt, system_prompt, is_built_in,"
                " settings) VALUES ($1, $2, 'secret persona', 'secret prompt', $3, $4)"
                " RETURNING id",
                team_id,
                name,
                team_id is None,
                {"engine": engine},
            )
            for name, engine, team_id in (
                ("Ava", "puppet", None),
                ("Echo", "echo", None),
                ("Broken", "nonesuch", None),
                ("Local", "local", None),
                ("Theirs", "puppet", teams["two"]),
            )
        }
        plan_id = await conn.fetchval(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens)"
            " VALUES ('plan', $1, $1) RETURNING id",
            Decimal(PLAN_TOKENS),
        )
        for team_id in teams.values():
            await conn.execute(
                "INSERT INTO subscriptions (team_id, plan_id, status, current_period_start,"
                " current_period_end) VALUES ($1, $2, 'active', now() - interval '1 day',"
                " now() + interval '1 day')",
                team_id,
                plan_id,
            )
    return people, teams, agents
