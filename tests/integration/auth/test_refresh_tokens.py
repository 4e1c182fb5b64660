import asyncio
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from voicehub.auth import refresh_tokens
from voicehub.auth.refresh_tokens import REPEAT_MS, RefreshToken, RefreshTokens
from voicehub.errors import AuthenticationError, StorageError
from voicehub.storage.redis import Redis

NOW = datetime(2099, 3, 1, 12, tzinfo=UTC)  # Redis has the real time, and drops what is past
LIFE_S = 3600
REPEAT = timedelta(milliseconds=REPEAT_MS)
MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class User:
    id: int = 7
    team_id: int = 3
    email: str = "ada@one.example"


@pytest.fixture
async def redis(redis_url):
    async with Redis.connect(redis_url) as redis:
        yield redis


@pytest.fixture
def issuer(redis):
    return RefreshTokens(redis, life_s=LIFE_S)


async def begin(issuer, user=None, now=NOW, mark="mark"):
    issued = await issuer.begin(user or User(), mark, now)
    assert issued.expires_in_s == LIFE_S
    return RefreshToken.parse(issued.token)


async def rotate(issuer, token, now=NOW, mark="mark"):
    return RefreshToken.parse((await issuer.rotate(token, mark, now)).token)


async def is_over(issuer, token, now=NOW, mark="mark"):
    try:
        await issuer.rotate(token, mark, now)
    except AuthenticationError as error:
        return error.code == "invalid_refresh_token"
    return False


async def test_each_token_serves_once_for_the_next(issuer):
    seen = [await begin(issuer)]
    for minute in range(5):
        seen.append(await rotate(issuer, seen[-1], NOW + timedelta(minutes=minute)))
    assert len(set(seen)) == 6
    assert {token.family for token in seen} == {seen[0].family}


async def test_a_token_that_comes_back_ends_the_sign_in(issuer):
    first = await begin(issuer)
    second = await rotate(issuer, first)
    assert await is_over(issuer, first, NOW + REPEAT + MOMENT)
    assert await is_over(issuer, second, NOW + REPEAT + MOMENT)


async def test_a_token_before_the_last_ends_the_sign_in_at_once(issuer):
    first = await begin(issuer)
    second = await rotate(issuer, first)
    third = await rotate(issuer, second)
    assert await is_over(issuer, first)
    assert await is_over(issuer, third)


async def test_who_lost_the_answer_gets_the_same_successor_for_a_moment(issuer):
    first = await begin(issuer)
    second = await rotate(issuer, first)
    assert await rotate(issuer, first, NOW + REPEAT) == second
    third = await rotate(issuer, second, NOW + REPEAT)
    assert third != second


async def test_refreshes_at_once_agree_on_one_successor(issuer):
    first = await begin(issuer)
    successors = await asyncio.gather(*(rotate(issuer, first) for _ in range(20)))
    assert len(set(successors)) == 1
    assert not await is_over(issuer, successors[0])


async def test_a_made_up_secret_ends_the_sign_in(issuer):
    token = await begin(issuer)
    forged = RefreshToken(token.user_id, token.team_id, token.family, b"x" * 32)
    assert await is_over(issuer, forged)
    assert await is_over(issuer, token)


async def test_an_unknown_family_ends_nothing(issuer):
    token = await begin(issuer)
    assert await is_over(
        issuer, RefreshToken(token.user_id, token.team_id, "00" * 16, token.secret)
    )
    assert await is_over(issuer, RefreshToken(8, token.team_id, token.family, token.secret))
    assert not await is_over(issuer, token)


async def test_use_does_not_lengthen_a_sign_in(issuer):
    token = await begin(issuer)
    half = timedelta(seconds=LIFE_S / 2)
    issued = await issuer.rotate(token, "mark", NOW + half)
    assert issued.expires_in_s == LIFE_S / 2
    assert await is_over(issuer, RefreshToken.parse(issued.token), NOW + 2 * half)


async def test_another_password_ends_the_sign_in(issuer):
    token = await begin(issuer)
    assert await is_over(issuer, token, mark="other")
    assert await is_over(issuer, token)


async def test_signing_out_ends_one_sign_in_or_all(issuer):
    phone, laptop, other = await begin(issuer), await begin(issuer), await begin(issuer, User(8))
    later = await rotate(issuer, phone)
    await issuer.revoke(phone)
    assert await is_over(issuer, later)
    laptop = await rotate(issuer, laptop)
    await issuer.revoke_all(7)
    assert await is_over(issuer, laptop)
    assert not await is_over(issuer, other)


async def test_of_too_many_sign_ins_the_oldest_end(issuer, monkeypatch):
    monkeypatch.setattr(refresh_tokens, "SIGN_INS_MAX", 3)
    begun = [await begin(issuer, now=NOW + timedelta(seconds=second)) for second in range(5)]
    assert [await is_over(issuer, token) for token in begun] == [True, True, False, False, False]


async def test_redis_forgets_what_is_over_and_knows_no_token(issuer, redis):
    first = await begin(issuer)
    await begin(issuer, now=NOW + timedelta(minutes=30))
    second = await rotate(issuer, first)
    (key,) = await redis.client.keys("*")
    assert key == b"{user:7}:sign_ins"
    kept = await redis.client.hgetall(key)
    text = b"".join(itertools.chain(*kept.items()))
    for token in (first, second):
        assert token.secret.hex().encode() not in text
    assert await redis.client.pexpiretime(key) == (NOW.timestamp() + 1800 + LIFE_S) * 1000
    await begin(issuer, now=NOW + timedelta(seconds=LIFE_S))
    assert first.family.encode() not in await redis.client.hkeys(key)


async def test_without_redis_nothing_is_said_to_be_done():
    async with Redis.connect("redis://127.0.0.1:1/0") as unreachable:
        issuer = RefreshTokens(unreachable, life_s=LIFE_S)
        token = RefreshToken(7, 3, "ab" * 16, b"s" * 32)
        for attempt in (
            issuer.begin(User(), "mark", NOW),
            issuer.rotate(token, "mark", NOW),
            issuer.revoke(token),
            issuer.revoke_all(7),
        ):
            with pytest.raises(StorageError):
                await attempt
