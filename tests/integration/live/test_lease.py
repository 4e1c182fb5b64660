"""The owner's side of the lease: renewed while it lives, and an end when a newer owner shows."""

import pytest

from voicehub.errors import FencedError
from voicehub.live.lease import Hearing, Lease
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


def hearing_of(redis):
    heard = []
    hearing = Hearing(
        lost=heard.append, wished=heard.append, emptied=lambda: heard.append("emptied")
    )
    return Lease(redis, OWNED, "old"), heard, hearing


async def test_a_wish_is_heard_once(redis, monkeypatch):
    monkeypatch.setattr(storage, "RENEW_EVERY_S", 0.01)
    lease, heard, hearing = hearing_of(redis)
    await lease.take()
    await storage.wish(redis, 1, 2, storage.Wish.PAUSE)
    keeping = spawn(lease.keep(hearing), name="lease")
    while await redis.client.exists(KEY.replace("lease", "wish")):
        assert not keeping.done()
    await storage.wish(redis, 1, 2, storage.Wish.END)
    while len(heard) < 2:
        await redis.ping()
    await stop(keeping)
    assert heard == [storage.Wish.PAUSE, storage.Wish.END]


async def test_an_emptied_redis_is_noticed_once(redis, monkeypatch):
    monkeypatch.setattr(storage, "RENEW_EVERY_S", 0.01)
    lease, heard, hearing = hearing_of(redis)
    await lease.take()
    await redis.client.flushall()
    keeping = spawn(lease.keep(hearing), name="lease")
    while not heard:
        await redis.ping()
    await redis.client.delete(KEY)
    while not await redis.client.exists(KEY):
        assert not keeping.done()
    await stop(keeping)
    assert heard == ["emptied"]


async def test_a_lease_that_is_left_waits_for_the_client(redis):
    lease, _, _ = hearing_of(redis)
    await lease.take()
    await lease.leave(30_000)
    assert await redis.client.get(KEY) == b"3 nobody"
    assert 20_000 < await redis.client.pttl(KEY) <= 30_000
    assert await storage.held(redis, [(1, 2)]) == {2}
    await storage.hold(redis, 1, 2, 4, "new")
    await lease.leave(30_000)
    assert await redis.client.get(KEY) == b"4 new"


async def test_a_newer_owner_is_told_of_once(redis, monkeypatch):
    monkeypatch.setattr(storage, "RENEW_EVERY_S", 0.01)
    lease, lost, hearing = hearing_of(redis)
    await lease.take()
    keeping = spawn(lease.keep(hearing), name="lease")
    await storage.hold(redis, 1, 2, 4, "new")
    await keeping
    assert [type(error) for error in lost] == [FencedError]
    await lease.release()
    assert await redis.client.get(KEY) == b"4 new"


async def test_an_absent_redis_does_not_end_the_session(redis, monkeypatch):
    monkeypatch.setattr(storage, "RENEW_EVERY_S", 0.01)
    lease, lost, hearing = hearing_of(redis)
    await redis.client.set(KEY.replace("lease", "fence"), "no number")
    keeping = spawn(lease.keep(hearing), name="lease")
    # A lease that cannot be written is tried again until it can.
    await redis.client.delete(KEY.replace("lease", "fence"))
    while not lost:
        assert not keeping.done()
        await redis.ping()
    assert await redis.client.get(KEY) is not None
    await stop(keeping)
    # It knew nothing of the session when it was back: the owner tells it again.
    assert lost == ["emptied"]
    await lease.release()
    assert await redis.client.get(KEY) is None
