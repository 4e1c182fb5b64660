"""A Redis that is well, and each way in which it is not."""

import pytest
from redis.asyncio import Redis

from voicehub.doctor import redis as module
from voicehub.doctor.finding import State, is_well
from voicehub.doctor.redis import look_at_redis


def faults(found):
    return [each.what for each in found if each.state is not State.OK]


@pytest.fixture
async def configured(redis_url):
    """Sets what the server is told, and takes it back."""
    client = Redis.from_url(redis_url)
    before = {}

    async def configure(name, value):
        before.update(await client.config_get(name))
        await client.config_set(name, value)

    yield configure
    for name, value in before.items():
        await client.config_set(name, value)
    await client.aclose()


async def test_one_that_is_well_and_is_left_as_it_was(redis_url):
    found = await look_at_redis(redis_url)
    assert not faults(found)
    assert len(found) == 5
    async with Redis.from_url(redis_url) as client:
        (probe,) = await client.keys()
        assert await client.pttl(probe) > 0, "it goes by itself"


async def test_one_that_would_forget_keys(redis_url, configured):
    await configured("maxmemory-policy", "allkeys-lru")
    found = await look_at_redis(redis_url)
    assert is_well(found)
    assert any("allkeys-lru" in what for what in faults(found))


async def test_one_that_keeps_nothing(redis_url, configured):
    await configured("appendonly", "no")
    (what,) = faults(await look_at_redis(redis_url))
    assert "append-only" in what


async def test_a_wrong_password_is_told_and_stays_secret(redis_url):
    wrong = "redis://:wr0ng@" + redis_url.rpartition("@")[2]
    (finding,) = await look_at_redis(wrong)
    assert (finding.state, finding.what) == (State.FAILED, "it refuses the user or the password")
    assert "wr0ng" not in str(finding)


async def test_a_user_that_may_not_run_scripts_fails(redis_url):
    async with Redis.from_url(redis_url) as client:
        await client.acl_setuser(
            "stranger",
            enabled=True,
            passwords=["+pw"],
            keys=["*"],
            commands=["+@all", "-@scripting"],
        )
        try:
            host = redis_url.rpartition("@")[2]
            (finding,) = await look_at_redis(f"redis://stranger:pw@{host}")
        finally:
            await client.acl_deluser("stranger")
    assert finding.state is State.FAILED


async def test_one_that_is_not_there_and_one_that_is_no_address(unused_tcp_port):
    (finding,) = await look_at_redis(f"redis://127.0.0.1:{unused_tcp_port}")
    assert "cannot be reached" in finding.what
    (finding,) = await look_at_redis("mysql://s3cret@host")
    assert finding.state is State.FAILED
    assert "s3cret" not in str(finding)


async def test_one_that_is_too_old(redis_url, monkeypatch):
    monkeypatch.setattr(module, "VERSION_MIN", (99, 0))
    assert any("too old" in what for what in faults(await look_at_redis(redis_url)))
