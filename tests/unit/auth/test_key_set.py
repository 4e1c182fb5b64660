import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.provider import Provider
from voicehub.auth.key_set import KEYS_MAX, parse_keys


def parsed(*jwks):
    return parse_keys(json.dumps({"keys": jwks}).encode())


@pytest.fixture(scope="module")
def good():
    return Provider().add_rsa("good")


def test_a_key_is_for_one_algorithm_whatever_a_token_says(good):
    keys = parsed(good, Provider().add_ec("curve"))
    assert {kid: key.algorithm for kid, key in keys.items()} == {"good": "RS256", "curve": "ES256"}


def test_what_cannot_sign_for_us_is_left_out(good):
    provider = Provider()
    unfit = [
        provider.add_rsa("weak", 1024),
        provider.add_ec("other-curve", ec.SECP384R1()),
        good | {"kid": "for-encryption", "use": "enc"},
        good | {"kid": "other-algorithm", "alg": "PS256"},
        good | {"kid": 5},
        {name: member for name, member in good.items() if name != "kid"},
        {"kid": "secret", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {"kid": "broken", "kty": "RSA", "n": "AQAB"},
        {"kid": "odd", "kty": ["RSA"]},
        {"kid": "odd", "kty": "RSA", "n": 5, "e": []},
        *("key", None, 5, []),
    ]
    assert list(parsed(*unfit, good)) == ["good"]


def test_the_first_of_two_with_one_id_counts(good):
    other = Provider().add_rsa("good")
    assert parsed(good, other) == parsed(good)


def test_no_more_keys_are_read_than_anybody_has(good):
    with pytest.raises(ValueError, match="no usable key"):
        parsed(*[None] * KEYS_MAX, good)


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}']
)
def test_a_document_without_a_key_is_none(document):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own error or ours
        parse_keys(document)
