"""The public keys that an identity provider publishes (JWKS, RFC 7517): fetched, kept, renewed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from voicehub.errors import AuthenticationError, IdentityProviderError

FETCH_S = 5.0  # a fetch that takes longer has failed
DOCUMENT_BYTES_MAX = 256 << 10  # a longer document is none
KEYS_MAX = 100  # further keys are not read
RSA_BITS_MIN = 2048  # RFC 7518 section 3.3
# Keys are fetched anew this often, so that one which was withdrawn goes. If that fails, they stay.
RENEW_S = 3600.0
# An unknown key id fetches once in this time: a stranger who invents some costs us nothing.
FETCH_EVERY_S = 60.0
# Without any key, more often: nobody can sign in.
FIRST_FETCH_EVERY_S = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    public: RSAPublicKey | EllipticCurvePublicKey
    algorithm: str
    """The one that the key is for; what a token's header says of it does not count."""


class KeySet:
    """One per provider. The HTTP client is the owner's."""

    def __init__(
        self, url: str, http: aiohttp.ClientSession, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._renewed_at_s = 0.0
        self._tried_at_s: float | None = None
        self._has_failed = False
        self._fetching = asyncio.Lock()

    async def key(self, kid: str) -> Key:
        """Raises AuthenticationError for an unknown one, IdentityProviderError when keys lack."""
        is_stale = self._clock() - self._renewed_at_s >= RENEW_S
        if kid not in self._keys:
            await self._renew(kid)
        elif is_stale and not self._fetching.locked():
            await self._renew(None)
        if (found := self._keys.get(kid)) is not None:
            return found
        if self._has_failed or not self._keys:
            raise IdentityProviderError(
                "The identity provider's keys cannot be fetched.",
                retry_after_s=int(FIRST_FETCH_EVERY_S),
            )
        raise AuthenticationError("The ID token is not valid.", code="invalid_id_token")

    async def _renew(self, wanted: str | None) -> None:
        async with self._fetching:
            if wanted in self._keys or not self._may_fetch():
                return  # somebody else has fetched while we waited
            self._tried_at_s = self._clock()
            try:
                self._keys = parse_keys(await self._fetch())
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                self._has_failed = True
                _log.warning("keys are not renewed", url=self._url, reason=type(error).__name__)
            else:
                self._has_failed = False
                self._renewed_at_s = self._clock()

    def _may_fetch(self) -> bool:
        pause_s = FETCH_EVERY_S if self._keys else FIRST_FETCH_EVERY_S
        return self._tried_at_s is None or self._clock() - self._tried_at_s >= pause_s

    async def _fetch(self) -> bytes:
        async with asyncio.timeout(FETCH_S):
            # A redirect is no document: it might lead to another's keys.
            async with self._http.get(self._url, allow_redirects=False) as response:
                if response.status != 200:
                    raise ValueError("no document")
                document = bytearray()
                async for chunk in response.content.iter_any():
                    document += chunk
                    if len(document) > DOCUMENT_BYTES_MAX:
                        raise ValueError("too long")
        return bytes(document)


def parse_keys(document: bytes) -> dict[str, Key]:
    """The usable keys of a document by their id. Raises ValueError when there is none."""
    parsed = orjson.loads(document)
    listed = parsed.get("keys") if isinstance(parsed, dict) else None
    keys: dict[str, Key] = {}
    for each in listed[:KEYS_MAX] if isinstance(listed, list) else ():
        if (key := _parsed(each)) is not None:
            keys.setdefault(each["kid"], key)
    if not keys:
        raise ValueError("no usable key")
    return keys


# Any: a JWK has members of many shapes.
def _parsed(jwk: Any) -> Key | None:
    """None for what is not for us: secrets, keys for encryption, other curves, weak ones."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
        return None
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(jwk.get("kty")))
    if (
        algorithm is None
        or jwk.get("use", "sig") != "sig"
        or jwk.get("alg", algorithm) != algorithm
    ):
        return None
    try:
        public = jwt.PyJWK(jwk, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    match public:
        case RSAPublicKey() if public.key_size >= RSA_BITS_MIN:
            return Key(public, algorithm)
        case EllipticCurvePublicKey() if isinstance(public.curve, SECP256R1):
            return Key(public, algorithm)
    return None
