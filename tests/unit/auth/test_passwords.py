import asyncio
import threading

import argon2
import pytest

from voicehub.auth import passwords
from voicehub.auth.passwords import (
    BYTES_MAX,
    CHARACTERS_MIN,
    Passwords,
    check_strength,
    hash_password,
    mark,
)
from voicehub.errors import ClientError, OverloadError


@pytest.fixture
def hasher():
    hasher = Passwords()
    yield hasher
    hasher.close()


async def test_the_password_matches_and_another_does_not(hasher):
    password_hash = await hasher.hash("correct horse")
    assert password_hash.startswith("$argon2id$")
    assert await hasher.verify("correct horse", password_hash)
    assert not await hasher.verify("wrong horse", password_hash)


async def test_nobody_has_a_password_but_it_is_checked_all_the_same(hasher, monkeypatch):
    checked = []
    expected = argon2.extract_parameters(hash_password("x"))
    verify = passwords._HASHER.verify

    class Spy:
        @staticmethod
        def verify(password_hash, password):
            checked.append(argon2.extract_parameters(password_hash))
            return verify(password_hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Spy)
    assert not await hasher.verify("anything", None)
    assert checked == [expected]


async def test_a_hash_that_is_none_matches_nothing(hasher):
    assert not await hasher.verify("x", "plain text")
    assert not await hasher.verify("x", "$argon2id$v=19$m=1")


def test_a_cheaper_hash_is_renewed_and_todays_is_not(hasher):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("x")
    assert hasher.needs_rehash(cheap)
    assert not hasher.needs_rehash(hash_password("x"))


async def test_logins_beyond_the_limit_are_refused_even_when_their_callers_left(
    hasher, monkeypatch
):
    monkeypatch.setattr(passwords, "WAITING_MAX", 0)
    gate = threading.Event()
    monkeypatch.setattr(passwords, "_matches", lambda *_: gate.wait())
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(hasher.verify("x", None)) for _ in range(passwords.CONCURRENT_MAX)
        ]
        await asyncio.wait(waiting, timeout=0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        with pytest.raises(OverloadError):
            await hasher.verify("x", None)
        gate.set()
    assert waiting[0].cancelled()
    assert waiting[1].result()


@pytest.mark.parametrize(
    "password",
    [
        "x" * (CHARACTERS_MIN - 1),
        "ü" * (BYTES_MAX // 2 + 1),
        "ada.lovelace@one.example",
        " ADA.Lovelace@One.Example ",
    ],
)
def test_a_weak_password_is_refused_where_it_stands(password):
    with pytest.raises(ClientError) as caught:
        check_strength(password, "Ada.Lovelace@one.example", param="new_password")
    (fault,) = caught.value.faults
    assert (fault.place, fault.code) == ("#/new_password", "weak_password")
    assert caught.value.param == "new_password"
    assert password not in caught.value.message


@pytest.mark.parametrize("password", ["x" * CHARACTERS_MIN, "ü" * (BYTES_MAX // 2)])
def test_a_long_password_will_do(password):
    check_strength(password, "ada@one.example")


async def test_a_mark_changes_with_the_password_and_not_with_its_cost(hasher):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    old = cheap.hash("correct horse")
    renewed = await hasher.rehash("correct horse", old)
    assert not hasher.needs_rehash(renewed)
    assert await hasher.verify("correct horse", renewed)
    assert mark(old) == mark(renewed)
    again = await hasher.hash("correct horse")
    assert len({mark(old), mark(again), mark(None), mark("no hash at all")}) == 4


async def test_a_salt_of_another_length_is_not_kept(hasher):
    short = argon2.PasswordHasher(salt_len=8, time_cost=1, memory_cost=64, parallelism=1)
    renewed = await hasher.rehash("correct horse", short.hash("correct horse"))
    assert not hasher.needs_rehash(renewed)
