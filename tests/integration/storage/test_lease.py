import pytest

from voicehub.errors import FencedError
from voicehub.storage import lease


async def holder(redis):
    keys = await redis.client.keys("*:lease")
    return (await redis.client.get(keys[0])).decode() if keys else None


async def test_a_lease_is_renewed_by_its_holder_and_runs_out_alone(team, redis):
    for _ in range(2):
        await lease.hold(redis, team.id, 1, 3, "here")
        assert await holder(redis) == "3 here"
    (key,) = await redis.client.keys("*:lease")
    assert 0 < await redis.client.pttl(key) <= lease.LEASE_MS
    assert lease.RENEW_EVERY_S * 1000 * 2 < lease.LEASE_MS


async def test_a_newer_owner_takes_it_and_the_old_one_never_again(team, redis):
    await lease.hold(redis, team.id, 1, 3, "old")
    await lease.hold(redis, team.id, 1, 4, "new")
    with pytest.raises(FencedError):
        await lease.hold(redis, team.id, 1, 3, "old")
    await lease.release(redis, team.id, 1, 3)
    assert await holder(redis) == "4 new"
    await lease.release(redis, team.id, 1, 4)
    assert await holder(redis) is None
    with pytest.raises(FencedError):
        await lease.hold(redis, team.id, 1, 3, "old")


async def test_leases_that_stand_are_found_in_one_message_each_thousand(team, redis, monkeypatch):
    monkeypatch.setattr(lease, "READ_AT_ONCE_MAX", 3)
    for session_id in (2, 5, 7):
        await lease.hold(redis, team.id, session_id, 1, "here")
    asked = [(team.id, session_id) for session_id in range(1, 9)]
    assert await lease.held(redis, asked) == {2, 5, 7}
    assert await lease.held(redis, [(team.id + 1, 2)]) == set()
    assert await lease.held(redis, []) == set()


async def test_the_last_sign_of_an_owner_is_known_after_its_lease_ran_out(team, redis):
    assert await lease.renewed_s_ago(redis, team.id, 1) is None
    await lease.hold(redis, team.id, 1, 3, "here")
    assert 0 <= await lease.renewed_s_ago(redis, team.id, 1) < 10
    (fence,) = await redis.client.keys("*:fence")
    await redis.client.pexpire(fence, lease.FENCE_MS - 60_000)
    assert 60 <= await lease.renewed_s_ago(redis, team.id, 1) < 70
