import asyncio

import aiohttp
import pytest

from tests.provider import Provider
from voicehub.auth import key_set
from voicehub.auth.key_set import FETCH_EVERY_S, FIRST_FETCH_EVERY_S, RENEW_S, KeySet
from voicehub.errors import AuthenticationError, IdentityProviderError


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
async def provider():
    async with Provider().served() as provider:
        provider.add_rsa("one")
        yield provider


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def keys(provider, clock):
    async with aiohttp.ClientSession() as http:
        yield KeySet(provider.url, http, clock=clock)


async def test_keys_are_fetched_once_for_all_who_ask(provider, keys):
    found = await asyncio.gather(*(keys.key("one") for _ in range(10)))
    assert found == found[:1] * 10
    assert provider.fetches == 1


async def test_an_unknown_key_fetches_at_most_once_a_minute(provider, keys, clock):
    await keys.key("one")
    clock.now_s += FETCH_EVERY_S
    for number in range(5):
        with pytest.raises(AuthenticationError):
            await keys.key(f"invented-{number}")
    assert provider.fetches == 2
    provider.add_ec("two")
    with pytest.raises(AuthenticationError):
        await keys.key("two")
    clock.now_s += FETCH_EVERY_S
    assert (await keys.key("two")).algorithm == "ES256"
    assert provider.fetches == 3


async def test_a_key_that_was_withdrawn_goes(provider, keys, clock):
    await keys.key("one")
    provider.add_rsa("two")
    del provider.keys["one"]
    await keys.key("one")
    clock.now_s += RENEW_S
    with pytest.raises(AuthenticationError):
        await keys.key("one")
    await keys.key("two")
    assert provider.fetches == 2


@pytest.mark.parametrize(
    ("status", "document"),
    [(500, None), (302, None), (200, "<html>"), (200, '{"keys": []}'), (200, " " * 300_000)],
)
async def test_old_keys_serve_while_new_ones_cannot_be_had(provider, keys, clock, status, document):
    await keys.key("one")
    provider.status, provider.document = status, document
    clock.now_s += RENEW_S
    await keys.key("one")
    # Perhaps it is a new one of the provider's: who has it may come back.
    with pytest.raises(IdentityProviderError):
        await keys.key("two")
    assert provider.fetches == 2


async def test_without_any_key_it_says_so_and_tries_again_soon(provider, keys, clock):
    provider.status = 503
    for _ in range(3):
        with pytest.raises(IdentityProviderError) as caught:
            await keys.key("one")
        assert caught.value.status == 503
    assert provider.fetches == 1
    provider.status = 200
    clock.now_s += FIRST_FETCH_EVERY_S
    await keys.key("one")


async def test_a_provider_that_hangs_is_not_waited_for(clock, monkeypatch):
    monkeypatch.setattr(key_set, "FETCH_S", 0.05)

    async def hang(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as http:
        with pytest.raises(IdentityProviderError):
            await KeySet(f"http://127.0.0.1:{port}/", http, clock=clock).key("one")
    server.close()
    await server.wait_closed()
