"""The stores that jobs work on."""

import pytest

from voicehub.storage.redis import Redis


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis
