import pytest

from voicehub.auth import attempts
from voicehub.auth.attempts import LoginAttempts
from voicehub.errors import RateLimitError
from voicehub.storage.redis import Redis

ADA, EVE = "ada@one.example", "eve@two.example"


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


async def test_attempts_from_one_address_are_counted_until_one_succeeds(redis, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ADDRESS_MAX", 3)
    logins = LoginAttempts(redis)
    first = await logins.begin(ADA, "10.0.0.1")
    for _ in range(2):
        await logins.begin(ADA, "10.0.0.1")
    with pytest.raises(RateLimitError) as caught:
        await logins.begin(ADA, "10.0.0.1")
    assert caught.value.retry_after_s == attempts.WINDOW_S
    await logins.begin(ADA, "10.0.0.2")
    await logins.begin(EVE, "10.0.0.1")
    await logins.succeed(first)
    await logins.begin(ADA, "10.0.0.1")


async def test_guesses_from_many_addresses_are_stopped_too(redis, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ACCOUNT_MAX", 2)
    logins = LoginAttempts(redis)
    for address in ("10.0.0.1", "10.0.0.2"):
        await logins.begin(ADA, address)
    with pytest.raises(RateLimitError):
        await logins.begin(ADA.upper(), "10.0.0.3")
    await logins.begin(EVE, "10.0.0.1")


async def test_one_address_cannot_try_every_account(redis, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ORIGIN_MAX", 3)
    logins = LoginAttempts(redis)
    await logins.begin("a@one.example", "10.0.0.1")
    await logins.begin_anywhere("10.0.0.1")
    await logins.begin_reset("b@one.example", "10.0.0.1")
    for begin in (
        logins.begin("c@one.example", "10.0.0.1"),
        logins.begin_anywhere("10.0.0.1"),
        logins.begin_reset("d@one.example", "10.0.0.1"),
    ):
        with pytest.raises(RateLimitError):
            await begin
    await logins.begin("c@one.example", "10.0.0.2")


async def test_an_office_that_signs_in_is_no_attack(redis, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ORIGIN_MAX", 2)
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ACCOUNT_MAX", 2)
    logins = LoginAttempts(redis)
    for number in range(5):
        await logins.succeed(await logins.begin(f"user-{number}@one.example", "10.0.0.1"))
        await logins.succeed(await logins.begin(ADA, f"10.0.1.{number}"))
        await logins.succeed(await logins.begin_anywhere("10.0.0.1"))


async def test_nobody_is_flooded_with_mails(redis, monkeypatch):
    monkeypatch.setattr(attempts, "RESETS_PER_ACCOUNT_MAX", 2)
    logins = LoginAttempts(redis)
    for address in ("10.0.0.1", "10.0.0.2"):
        await logins.begin_reset(ADA, address)
    with pytest.raises(RateLimitError):
        await logins.begin_reset(ADA.title(), "10.0.0.3")
    await logins.begin(ADA, "10.0.0.1")


async def test_who_has_an_ipv6_network_is_one(redis, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ADDRESS_MAX", 2)
    logins = LoginAttempts(redis)
    for address in ("2001:db8::1", "2001:db8::2"):
        await logins.begin(ADA, address)
    with pytest.raises(RateLimitError):
        await logins.begin(ADA, "2001:db8::ffff:3")
    await logins.begin(ADA, "2001:db8:0:1::1")
    await logins.begin(ADA, "")


async def test_old_attempts_do_not_count_and_a_flood_keeps_little(redis, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ADDRESS_MAX", 2)
    now_s = 1_000_000.0
    monkeypatch.setattr(attempts.time, "time", lambda: now_s)
    logins = LoginAttempts(redis)
    for _ in range(20):
        try:
            await logins.begin(ADA, "10.0.0.1")
        except RateLimitError:
            continue
    for key in await redis.client.keys("login:address:*"):
        assert await redis.client.zcard(key) == 3
        assert 0 < await redis.client.ttl(key) <= attempts.WINDOW_S
    now_s += attempts.WINDOW_S + 1
    await logins.begin(ADA, "10.0.0.1")


async def test_redis_does_not_learn_who_tries(redis):
    logins = LoginAttempts(redis)
    await logins.begin(ADA, "10.0.0.1")
    await logins.begin_reset(ADA, "10.0.0.1")
    keys = await redis.client.keys("*")
    assert len(keys) == 4
    assert not any(b"ada" in key or b"10.0" in key for key in keys)


async def test_without_redis_a_login_still_works():
    async with Redis.connect("redis://127.0.0.1:1/0") as unreachable:
        logins = LoginAttempts(unreachable)
        await logins.succeed(await logins.begin(ADA, "10.0.0.1"))
