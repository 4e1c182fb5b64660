"""Many who create rows that refer to others, and many who delete what they refer to, by REST.

Each picks mostly what is newest, so that a row is referred to while it goes. Afterwards nothing may
be broken between rows, and nobody may have seen an error of the server's.
"""

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.servers import serving
from voicehub.app import tokens_of
from voicehub.auth.tokens import Tokens
from voicehub.settings import Settings
from voicehub.storage import check
from voicehub.storage.check import Report
from voicehub.storage.migrations import migrate
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis

TASKS = 32
SERVERS = 2
# Of each kind so many are there at once, for it is of few things that many are busy.
TEAMS, PLANS, USERS_OF_TEAM = 6, 5, 5
# One that cannot be deleted makes room for a new one that often.
GIVEN_UP = 0.2
# How often a choice falls on one of the newest three.
NEWEST = 0.8

Row = dict[str, Any]  # what the API showed of it


@dataclass(frozen=True, slots=True)
class Somebody:
    """Who a token is made for."""

    id: int
    team_id: int
    email: str


@dataclass(slots=True)
class Outcome:
    """What happened: answers by what was asked, faults between rows, deadlocks in Postgres."""

    answers: Counter[tuple[str, int]]
    report: Report
    deadlocks: int

    @property
    def server_errors(self) -> dict[tuple[str, int], int]:
        return {asked: count for asked, count in self.answers.items() if asked[1] >= 500}

    @property
    def holds(self) -> bool:
        whole = self.report.is_complete and not self.report.faults
        return whole and not self.server_errors and not self.deadlocks

    def count(self, what: str, *statuses: int) -> int:
        return sum(self.answers[what, status] for status in statuses)


@dataclass(slots=True)
class World:
    """What the tasks know to be there; they are often wrong, as clients are."""

    http: aiohttp.ClientSession
    urls: list[str]
    tokens: Tokens
    service: str
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    async def ask(
        self, who: Row | None, method: str, path: str, json: Row | None = None
    ) -> Row | None:
        """As a user, or as an admin. Returns what was answered to who succeeded."""
        token = self.service
        if who is not None:
            user = Somebody(who["id"], who["team_id"], who["email"])
            token = self.tokens.issue_access(user)[0]
        url = random.choice(self.urls) + path
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.request(method, url, json=json, headers=headers) as response:
            body: Row = await response.json() if response.content_length else {}
            words = [word for word in path.split("/")[2:] if not word.isdecimal()]
            self.answers[f"{method} {'/'.join(words)}", response.status] += 1
            return body if response.ok else None


class Task:
    """Does one thing after the other, by a chance of its own."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._number = 0
        self._seed = seed
        self._acts: list[Callable[[], Awaitable[None]]] = [
            *(self.add_user, self.add_agent, self.add_session, self.add_feedback) * 3,
            *(self.add_subscription, self.add_endpoint, self.add_delivery, self.change_plan) * 2,
            *(self.add_team, self.add_plan, self.restore_agent, self.anonymize),
            *(self.delete_user, self.delete_agent, self.delete_session, self.end_session) * 3,
            *(self.delete_plan, self.delete_endpoint, self.delete_feedback, self.cancel) * 2,
            *(self.delete_team, self.delete_team),
        ]

    async def run(self, until_s: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            await self._chance.choice(self._acts)()

    async def add_team(self) -> None:
        if len(self._world.rows["team"]) < TEAMS:
            name = self._name()
            await self._add("team", None, "/v1/teams", {"name": name, "label": name})

    async def add_plan(self) -> None:
        if len(self._world.rows["plan"]) < PLANS:
            most = {"max_audio_tokens": 1_000_000, "max_text_tokens": 1_000_000}
            await self._add("plan", None, "/v1/plans", {"name": self._name(), **most})

    async def add_user(self) -> None:
        team = self._pick("team")
        if team is None:
            return
        users = [each for each in self._world.rows["user"] if each["team_id"] == team["id"]]
        if len(users) < USERS_OF_TEAM:
            name = self._name()
            body = {"email": f"{name}@team.example", "display_name": name}
            more = {"team_id": team["id"], "email": body["email"]}
            await self._add("user", None, f"/v1/teams/{team['id']}/users", body, **more)

    async def add_agent(self) -> None:
        if user := self._pick("user"):
            await self._add("agent", user, "/v1/agents", {"name": self._name()})

    async def add_subscription(self) -> None:
        team, plan = self._pick("team"), self._pick("plan")
        if team and plan:
            path = f"/v1/teams/{team['id']}/subscriptions"
            await self._add("subscription", None, path, {"plan_id": plan["id"]})

    async def change_plan(self) -> None:
        subscription, plan = self._pick("subscription"), self._pick("plan")
        if subscription and plan:
            path = f"/v1/teams/{subscription['team_id']}/subscriptions/{subscription['id']}"
            await self._world.ask(None, "POST", f"{path}/change_plan", {"plan_id": plan["id"]})

    async def add_session(self) -> None:
        user = self._pick("user")
        agent = self._pick("agent", user)
        if user and agent:
            await self._add("session", user, "/v1/sessions", {"agent_id": agent["id"]})

    async def add_feedback(self) -> None:
        user = self._pick("user")
        about = self._chance.choice(["session", "agent"])
        row = self._pick(about, user)
        if user and row:
            await self._add(
                "feedback", user, "/v1/feedbacks", {f"{about}_id": row["id"], "rating": 3}
            )

    async def add_endpoint(self) -> None:
        if user := self._pick("user"):
            body = {"url": "https://hooks.example/"}
            await self._add("endpoint", user, "/v1/webhook_endpoints", body)

    async def add_delivery(self) -> None:
        if endpoint := self._pick("endpoint"):
            path = f"/v1/teams/{endpoint['team_id']}/webhook_endpoints/{endpoint['id']}/test"
            await self._world.ask(None, "POST", path)

    async def restore_agent(self) -> None:
        if agent := self._pick("deleted_agent"):
            path = f"/v1/teams/{agent['team_id']}/agents/{agent['id']}/restore"
            if await self._world.ask(None, "POST", path):
                self._world.rows["agent"].append(agent)

    async def anonymize(self) -> None:
        if user := self._pick("user"):
            path = f"/v1/teams/{user['team_id']}/users/{user['id']}/anonymize"
            await self._world.ask(None, "POST", path)

    async def cancel(self) -> None:
        if row := self._pick("subscription"):
            path = f"/v1/teams/{row['team_id']}/subscriptions/{row['id']}/cancel"
            await self._world.ask(
                None, "POST", path, {"at_period_end": self._chance.random() < 0.5}
            )

    async def end_session(self) -> None:
        if row := self._pick("session"):
            await self._world.ask(
                None, "POST", f"/v1/teams/{row['team_id']}/sessions/{row['id']}/end"
            )

    async def delete_team(self) -> None:
        if team := self._pick("team"):
            await self._delete("team", team, f"/v1/teams/{team['id']}")

    async def delete_plan(self) -> None:
        if plan := self._pick("plan"):
            await self._delete("plan", plan, f"/v1/plans/{plan['id']}")

    async def delete_user(self) -> None:
        await self._delete_of_team("user", "users")

    async def delete_agent(self) -> None:
        await self._delete_of_team("agent", "agents")

    async def delete_session(self) -> None:
        await self._delete_of_team("session", "sessions")

    async def delete_endpoint(self) -> None:
        await self._delete_of_team("endpoint", "webhook_endpoints")

    async def delete_feedback(self) -> None:
        await self._delete_of_team("feedback", "feedbacks")

    async def _add(self, kind: str, who: Row | None, path: str, body: Row, **more: Any) -> None:
        row = await self._world.ask(who, "POST", path, body)
        if row is not None:
            of = {"team_id": who["team_id"]} if who else {}
            self._world.rows[kind].append(row | of | more)

    async def _delete_of_team(self, kind: str, name: str) -> None:
        if row := self._pick(kind):
            await self._delete(kind, row, f"/v1/teams/{row['team_id']}/{name}/{row['id']}")

    async def _delete(self, kind: str, row: Row, path: str) -> None:
        rows = self._world.rows[kind]
        if await self._world.ask(None, "DELETE", path) is not None and row in rows:
            rows.remove(row)
            if kind == "agent":
                self._world.rows["deleted_agent"].append(row)
        elif kind in {"team", "plan"} and row in rows and self._chance.random() < GIVEN_UP:
            rows.remove(row)

    def _pick(self, kind: str, user: Row | None = None) -> Row | None:
        """Something of the kind, and of the user's team where one is named."""
        rows = self._world.rows[kind]
        if user is not None:
            rows = [each for each in rows if each["team_id"] == user["team_id"]]
        if not rows:
            return None
        newest = rows[-3:] if self._chance.random() < NEWEST else rows
        return self._chance.choice(newest)

    def _name(self) -> str:
        self._number += 1
        return f"n{self._seed}-{self._number}"


async def storm(settings: dict[str, str], seconds: float, seed: int) -> Outcome:
    """Servers on the stores that `settings` name, and all at once on them."""
    environment = {
        **settings,
        "VOICEHUB_JWT_KEYS": f"k1:{os.urandom(20).hex()}",
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_SESSIONS_PER_USER": "100000",
        "VOICEHUB_SESSIONS_PER_TEAM": "100000",
    }
    await migrate(environment["DATABASE_URL"])
    async with AsyncExitStack() as open_:
        servers = [await open_.enter_async_context(serving(environment)) for _ in range(SERVERS)]
        http = await open_.enter_async_context(aiohttp.ClientSession())
        tokens = tokens_of(Settings(**environment))  # type: ignore[arg-type]  # pydantic parses
        service = tokens.issue_service("storm", days=1)
        world = World(http, [server.url for server in servers], tokens, service)
        until_s = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(TASKS):
                group.create_task(Task(world, seed * TASKS + number).run(until_s))
    return await _outcome(world, environment)


async def _outcome(world: World, environment: dict[str, str]) -> Outcome:
    postgres = await Postgres.connect(environment["DATABASE_URL"])
    try:
        async with Redis.connect(environment["REDIS_URL"]) as redis:
            report = await check.find_faults(postgres, redis)
        async with postgres.connection() as conn:
            deadlocks = await conn.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
    finally:
        await postgres.close()
    return Outcome(world.answers, report, deadlocks)
