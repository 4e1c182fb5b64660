"""The owner's side of the lease: renewed while it lives, and an end when a newer owner shows."""

import pytest

from voicehub.errors import FencedError
from voicehub.live.lease import Lease
from voicehub.storage import lease as storage
from voicehub.storage.ownership import Owned
from voicehub.storage.redis import Redis
from voicehub.tasks import spawn, stop

OWNED = Owned(team_id=1, session_id=2, token=3)
KEY = "{team:1}:session:2:lease"


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


async def test_a_newer_owner_is_told_of_once(redis, monkeypatch):
    monkeypatch.setattr(storage, "RENEW_EVERY_S", 0.01)
    lease, lost = Lease(redis, OWNED, "old"), []
    await lease.take()
    keeping = spawn(lease.keep(lost.append), name="lease")
    await storage.hold(redis, 1, 2, 4, "new")
    await keeping
    assert [type(error) for error in lost] == [FencedError]
    await lease.release()
    assert await redis.client.get(KEY) == b"4 new"


async def test_an_absent_redis_does_not_end_the_session(redis, monkeypatch):
    monkeypatch.setattr(storage, "RENEW_EVERY_S", 0.01)
    lease, lost = Lease(redis, OWNED, "old"), []
    await redis.client.set(KEY.replace("lease", "fence"), "no number")
    keeping = spawn(lease.keep(lost.append), name="lease")
    # A lease that cannot be written is tried again until it can.
    await redis.client.delete(KEY.replace("lease", "fence"))
    while await redis.client.get(KEY) is None:
        assert not keeping.done()
    await stop(keeping)
    assert lost == []
    await lease.release()
    assert await redis.client.get(KEY) is None
