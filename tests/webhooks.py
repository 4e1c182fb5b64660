"""Who listens to webhooks: a real HTTP server that a test tells how to answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from voicehub.storage import webhook_endpoints
from voicehub.storage.postgres import Postgres

STEP_S_MAX = 20.0
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # public, in everybody's tests
ALL = [
    *("session.started", "session.ended", "recording.ready"),
    *("usage.settled", "quota.warning", "quota.exhausted"),
]


@dataclass
class Post:
    """What came."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(self.raw)
        return body

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Answers 204, or what `answers` says of a path."""

    server: TestServer
    posts: list[Post] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/") -> str:
        return str(self.server.make_url(path))

    def say(self, path: str, status: int, **more: Any) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, **more)

        self.answers[path] = answer

    async def received(self, count: int) -> list[Post]:
        """Wait until so many have come."""
        async with asyncio.timeout(STEP_S_MAX):
            while len(self.posts) < count:
                self._grown.clear()
                await self._grown.wait()
        return self.posts

    @property
    def types(self) -> list[str]:
        return [post.body["type"] for post in self.posts]

    async def take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append(Post(request.path, headers, await request.read()))
        self._grown.set()
        answer = self.answers.get(request.path)
        return await answer(request) if answer else web.Response(status=204)


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    app = web.Application()
    receiver = Receiver(TestServer(app))
    app.router.add_route("*", "/{rest:.*}", receiver.take)
    async with receiver.server:
        yield receiver


async def add_endpoint(
    pg: Postgres, team_id: int, url: str, *types: str, secret: str = SECRET
) -> int:
    """An endpoint that hears of everything, or of `types`."""
    async with pg.connection() as conn:
        endpoint = await webhook_endpoints.create(
            conn,
            team_id,
            url=url,
            description=None,
            event_types=list(types) or ALL,  # type: ignore[arg-type]  # a test's own words
            secret=secret,
        )
    return endpoint.id


async def deliveries(pg: Postgres, endpoint_id: int) -> list[dict[str, Any]]:
    """Their rows, the oldest first."""
    async with pg.connection() as conn:
        rows = await conn.fetch(
            "SELECT * FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY id", endpoint_id
        )
    return [dict(row) for row in rows]


async def make_due(pg: Postgres, endpoint_id: int) -> None:
    """The wait is over."""
    async with pg.connection() as conn:
        await conn.execute(
            "UPDATE webhook_deliveries SET next_attempt_at = now()"
            " WHERE endpoint_id = $1 AND status = 'pending'",
            endpoint_id,
        )
