import base64
import json
import time
from datetime import UTC, datetime

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provider import CLIENT_ID, ISSUER, Provider
from voicehub.auth.id_tokens import TOKEN_CHARACTERS_MAX, Identity, IdTokens
from voicehub.auth.key_set import KeySet
from voicehub.auth.tokens import CLOCK_LEEWAY_S
from voicehub.errors import AuthenticationError


@pytest.fixture(scope="module")
def with_keys():
    provider = Provider()
    provider.add_rsa("rsa")
    provider.add_ec("ec")
    return provider


@pytest.fixture
async def provider(with_keys):
    async with with_keys.served():
        yield with_keys


@pytest.fixture
async def key_set(provider):
    async with aiohttp.ClientSession() as http:
        yield KeySet(provider.url, http)


@pytest.fixture
def id_tokens(key_set):
    return IdTokens(key_set, issuers=[ISSUER, "provider.example"], audiences=[CLIENT_ID, "app"])


async def verify(id_tokens, token, **more):
    return await id_tokens.verify(token, datetime.now(UTC), **more)


async def refused(id_tokens, token, **more):
    with pytest.raises(AuthenticationError) as caught:
        await verify(id_tokens, token, **more)
    return caught.value.code


@pytest.mark.parametrize("kid", ["rsa", "ec"])
async def test_a_token_of_the_provider_tells_whose_address_it_is(provider, id_tokens, kid):
    expected = Identity("1089", "ada@one.example", None)
    assert await verify(id_tokens, provider.sign(kid)) == expected


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "provider.example"},
        {"aud": "app"},
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "app"]},
        {"nonce": "not asked for"},
    ],
)
async def test_these_are_accepted_too(provider, id_tokens, claims):
    assert await verify(id_tokens, provider.sign("rsa", **claims))


@pytest.mark.parametrize(
    "claims",
    [
        *({name: ...} for name in ("iss", "aud", "sub", "email", "iat", "exp")),
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"aud": "other"},
        {"aud": []},
        {"aud": [CLIENT_ID, "other"]},
        {"aud": [CLIENT_ID, 5]},
        {"aud": {CLIENT_ID: True}},
        {"aud": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"email": ""},
        {"email": ["ada@one.example"]},
        {"email": "ada@one.example\0"},
        {"email": "\ud800@one.example"},
        {"email": "a" * 256},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"exp": -1},
        {"iat": time.time() + 3600},
        {"nbf": time.time() + 3600},
        {"nbf": "later"},
    ],
)
async def test_wrong_claims_are_refused(provider, id_tokens, claims):
    assert await refused(id_tokens, provider.sign("rsa", **claims)) == "invalid_id_token"


@pytest.mark.parametrize("verified", [False, "true", "false", 1, None, [True], ...])
async def test_an_address_must_be_verified_and_exactly_so(provider, id_tokens, verified):
    token = provider.sign("rsa", email_verified=verified)
    assert await refused(id_tokens, token) == "email_not_verified"


async def test_the_clocks_of_servers_may_differ_a_little(provider, id_tokens):
    now_s = time.time()
    for claims in ({"exp": now_s - CLOCK_LEEWAY_S / 2}, {"iat": now_s + CLOCK_LEEWAY_S / 2}):
        assert await verify(id_tokens, provider.sign("rsa", **claims))


async def test_an_old_token_has_expired(provider, id_tokens):
    token = provider.sign("rsa", exp=int(time.time()) - CLOCK_LEEWAY_S - 1)
    assert await refused(id_tokens, token) == "token_expired"


async def test_a_nonce_that_was_given_must_come_back(provider, id_tokens):
    assert await verify(id_tokens, provider.sign("rsa", nonce="n-1"), nonce="n-1")
    for claims in ({"nonce": "n-2"}, {}, {"nonce": None}, {"nonce": ["n-1"]}, {"nonce": "\ud800"}):
        assert await refused(id_tokens, provider.sign("rsa", **claims), nonce="n-1")


async def test_the_provider_may_decide_on_the_team(provider, key_set):
    id_tokens = IdTokens(key_set, issuers=[ISSUER], audiences=[CLIENT_ID], team_claim="org")
    assert (await verify(id_tokens, provider.sign("rsa", org="one"))).team == "one"
    for claims in ({}, {"org": None}, {"org": ["one"]}, {"org": " "}):
        assert await refused(id_tokens, provider.sign("rsa", **claims)) == "invalid_id_token"


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_forged_signatures_are_refused(provider, id_tokens, subtests):
    claims = Provider.claims()
    public = provider.keys["rsa"][0].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    stranger = Provider()
    stranger.add_rsa("rsa")
    stranger.add_ec("ec")
    good = provider.sign("rsa")
    head, _, signature = good.split(".")
    own_key = {"jwk": stranger.keys["rsa"][1], "jku": "http://127.0.0.1:1/keys", "x5u": "http://x"}
    forged = {
        "none": f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(claims)}.",
        "none, signed": f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(claims)}.{signature}",
        # The public key as the secret of an HMAC: PyJWT refuses to make it, so by hand.
        "hmac of the public key": _hmac_signed(pem, claims, "rsa"),
        "hmac of the empty key": _hmac_signed(b"", claims, "rsa"),
        "another's key": stranger.sign("rsa"),
        "another's curve key": stranger.sign("ec"),
        "a key of the header": stranger.sign("rsa", headers=own_key),
        "the other kind of key": provider.sign("rsa", headers={"kid": "ec"}),
        "another algorithm": provider.sign("rsa", algorithm="PS256"),
        "longer hash": provider.sign("rsa", algorithm="RS512"),
        "other claims": f"{head}.{part(claims | {'email': 'eve@x'})}.{signature}",
        "critical": provider.sign("rsa", headers={"crit": ["b64"], "b64": False}),
        "an access token": provider.sign("rsa", headers={"typ": "at+jwt"}),
    }
    for name, token in forged.items():
        with subtests.test(name):
            assert await refused(id_tokens, token) == "invalid_id_token"


def _hmac_signed(key, claims, kid):
    signed = f"{part({'alg': 'HS256', 'kid': kid, 'typ': 'JWT'})}.{part(claims)}"
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(signed.encode(), key)
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' OR 1=1 --", "", "x" * 5000, None, 5, ["rsa"], {"rsa": 1}, ...]
)
async def test_a_key_id_is_a_name_and_nothing_else(provider, id_tokens, kid):
    header = {"alg": "RS256"} | ({} if kid is ... else {"kid": kid})
    signed = f"{part(header)}.{part(Provider.claims())}"
    key = provider.keys["rsa"][0]
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        signed.encode(), key
    )
    token = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    assert await refused(id_tokens, token) == "invalid_id_token"


@pytest.mark.parametrize(
    "token",
    [
        *("", "a.b.c", "..", "a.b", "ä.b.c", "\ud800"),
        "x" * (TOKEN_CHARACTERS_MAX + 1),
        f"{base64.urlsafe_b64encode(b'[' * 5000).decode()}.e30.AA",
        f"{part([])}.e30.AA",
        f"{part('rsa')}.e30.AA",
        f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part([])}.AA",
        f"{part({'alg': ['RS256'], 'kid': 'rsa'})}.e30.AA",
    ],
)
async def test_what_is_no_token_is_refused(id_tokens, token):
    assert await refused(id_tokens, token) == "invalid_id_token"


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
async def test_any_text_is_refused_and_never_crashes(id_tokens, text):
    assert await refused(id_tokens, text) == "invalid_id_token"
