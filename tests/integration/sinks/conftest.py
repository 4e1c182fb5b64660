"""A session that somebody owns, on real stores."""

import pytest

from voicehub.storage.ownership import Owned
from voicehub.storage.redis import Redis


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


@pytest.fixture
async def owned(pg):
    async with pg.connection() as conn:
        team_id = await conn.fetchval(
            "INSERT INTO team (label, name) VALUES ('T', 't') RETURNING id"
        )
        plan_id = await conn.fetchval(
            "INSERT INTO plans (name, max_audio_tokens, max_text_tokens)"
            " VALUES ('p', 1000, 1000) RETURNING id"
        )
        await conn.execute(
            "INSERT INTO subscriptions (team_id, plan_id, status) VALUES ($1, $2, 'active')",
            team_id,
            plan_id,
        )
        session_id = await conn.fetchval(
            "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
            " VALUES (1, $1, 1, 'in_progress', now(), $2, $3) RETURNING id",
            team_id,
            {"transcript": [], "fence": 1},
            {"audio_tokens": 0, "text_tokens": 0},
        )
    return Owned(team_id, session_id, 1)
