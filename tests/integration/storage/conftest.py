"""Rows that storage is about: a team with a plan, a user, an agent, and its sessions."""

import pytest

from tests.teams import add_team
from voicehub.storage.redis import Redis


@pytest.fixture
async def team(pg):
    return await add_team(pg)


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis
