"""The least that can answer the same requests: aiohttp and asyncpg, the same SQL on the same
database, each row as JSON. It asks nobody who they are, checks nothing and knows no Redis.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import uvloop
from aiohttp import web

from voicehub.storage.queries import load
from voicehub.storage.session_search import (
    LINES_LOOKED_AT_MAX,
    MATCH_LETTERS_MAX,
    MATCHES_MAX,
    NEAR_MAX,
)

CONNECTIONS_MAX = 10  # as many as VoiceHub's own pool has
PLACE = (-1, 2**63 - 1, 21)  # the first page of twenty, and one row more
NO_FILTER = (None,) * 5
_AGENTS, _MEMBERS, _SEARCH = load("agents"), load("members"), load("session_search")
_SESSIONS, _SUBSCRIPTIONS = load("sessions"), load("subscriptions")
_TEAMS, _USERS = load("teams"), load("users")

Row = Mapping[str, Any]  # a record, whose values are its columns'


class BareRest:
    """Answers for one team and one user."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", team_id: int, user_id: int) -> None:
        self._pool = pool
        self._team_id = team_id
        self._user_id = user_id

    async def me(self, _request: web.Request) -> web.Response:
        async with self._pool.acquire() as conn:
            user = await conn.fetchrow(_USERS["get"], self._team_id, self._user_id)
            member = await conn.fetchrow(_MEMBERS["get"], self._team_id, self._user_id)
            plan = await conn.fetchrow(_SUBSCRIPTIONS["current"], self._team_id, 60.0)
        assert user is not None, "the stage has made it"
        assert member is not None, "the same row"
        return _json({**user, **member, "subscription": dict(plan) if plan else None})

    async def agents(self, _request: web.Request) -> web.Response:
        async with self._pool.acquire() as conn:
            place = (self._team_id, *PLACE)
            return _list(await conn.fetch(_AGENTS["page_descending"], *place, None, None, None))

    async def sessions(self, request: web.Request) -> web.Response:
        place = (self._team_id, *PLACE)
        asked = request.query
        async with self._pool.acquire() as conn:
            if "q" not in asked and "status" not in asked:
                return _list(await conn.fetch(_SEARCH["page_descending"], *place))
            async with conn.transaction(readonly=True):
                await conn.execute(_SEARCH["plan_each_time"])
                if "q" not in asked:
                    filters = (asked["status"].split(","), *NO_FILTER[1:])
                    return _list(await conn.fetch(_SEARCH["filtered_descending"], *place, *filters))
                words = (asked["q"], NEAR_MAX)
                found = await conn.fetch(_SEARCH["search_descending"], *place, *NO_FILTER, *words)
            if not found:
                return _list(found)
            lines = LINES_LOOKED_AT_MAX // len(found)
            limits = (MATCHES_MAX, lines, MATCH_LETTERS_MAX)
            ids = [each["id"] for each in found]
            matches = await conn.fetch(_SEARCH["matches"], ids, asked["q"], *limits)
        return _list([*found, *matches])

    async def session(self, request: web.Request) -> web.Response:
        session_id = int(request.match_info["session_id"])
        async with self._pool.acquire() as conn:
            row = await conn.fetchrow(_SESSIONS["get"], self._team_id, session_id)
        return _json(row or {})

    async def create(self, request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        team_id, user_id, agent_id = self._team_id, self._user_id, asked["agent_id"]
        data = {"audio_url": None, "transcript": [], "context": asked["context"]}
        async with self._pool.acquire() as conn:
            await conn.fetchrow(_SUBSCRIPTIONS["current"], team_id, 60.0)
            await conn.fetchrow(_AGENTS["get"], team_id, agent_id)
            async with conn.transaction():
                await conn.fetchval(_TEAMS["lock_for_session"], team_id)
                await conn.fetchval(_USERS["lock_for_reference"], team_id, user_id)
                await conn.fetchval(_AGENTS["lock_for_reference"], team_id, agent_id)
                await conn.fetchrow(_SESSIONS["count_open"], team_id, user_id, 60.0, None)
                row = await conn.fetchrow(
                    _SESSIONS["insert"], team_id, user_id, agent_id, data, {"audio_tokens": 0}
                )
        assert row is not None, "INSERT ... RETURNING gives its row"
        return _json(row, 201)


async def serve(database_url: str, team_id: int, user_id: int) -> None:
    """Serve on a free port, and tell the address, until SIGTERM."""
    async with asyncpg.create_pool(database_url, max_size=CONNECTIONS_MAX, init=_prepare) as pool:
        rest = BareRest(pool, team_id, user_id)
        app = web.Application()
        reads: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
            "/v1/me": rest.me,
            "/v1/agents": rest.agents,
            "/v1/sessions": rest.sessions,
            "/v1/sessions/{session_id}": rest.session,
        }
        for path, answer in reads.items():
            app.router.add_get(path, answer)
        app.router.add_post("/v1/sessions", rest.create)
        runner = web.AppRunner(app, access_log=None, handle_signals=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        try:
            await asyncio.Event().wait()  # until SIGTERM, which aiohttp turns into an exception
        finally:
            await runner.cleanup()


async def _prepare(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda raw: orjson.loads(raw[1:]),
        format="binary",
    )


def _list(rows: Iterable[Row]) -> web.Response:
    return _json({"data": [dict(row) for row in rows]})


def _json(row: Row, status: int = 200) -> web.Response:
    body = orjson.dumps(dict(row), default=_number)
    return web.Response(body=body, status=status, content_type="application/json")


def _number(value: object) -> float:
    assert isinstance(value, Decimal), "the only columns that orjson does not know"
    return float(value)


if __name__ == "__main__":
    with contextlib.suppress(web.GracefulExit):
        uvloop.run(serve(os.environ["DATABASE_URL"], *map(int, sys.argv[1:])))
