"""ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): whose address somebody else vouches for."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from voicehub.auth.key_set import KeySet
from voicehub.auth.tokens import CLOCK_LEEWAY_S
from voicehub.errors import AuthenticationError

TOKEN_CHARACTERS_MAX = 16_384  # longer is refused unread; Google's have about 1,200
_TEXT_CHARACTERS_MAX = 255  # what our columns hold


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a provider knows, with an address that it has verified."""

    subject: str
    email: str
    team: str | None
    """The team's name, where the provider decides on it."""


class IdTokens:
    """Verifies the tokens of one provider."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuers: Sequence[str],
        audiences: Sequence[str],
        team_claim: str | None = None,
    ) -> None:
        self._keys = keys
        self._issuers = frozenset(issuers)
        self._audiences = frozenset(audiences)
        self._team_claim = team_claim

    async def verify(self, token: str, now: datetime, *, nonce: str | None = None) -> Identity:
        """Whom `token` speaks of. Raises AuthenticationError, IdentityProviderError.

        `nonce`: what the client gave to the provider; the token must then have the same.
        """
        if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
            raise _invalid()
        claims = await self._signed_claims(token)
        self._check_parties(claims)
        _check_times(claims, now.timestamp())
        if nonce is not None and not _is_same(claims.get("nonce"), nonce):
            raise _invalid()
        # Exactly true: some providers write "false", which is true to Python.
        if claims.get("email_verified") is not True:
            raise AuthenticationError("The address is not verified.", code="email_not_verified")
        return Identity(_text(claims, "sub"), _text(claims, "email"), self._team(claims))

    # Any: claims are whatever the provider writes.
    async def _signed_claims(self, token: str) -> dict[str, Any]:
        kid = _kid(token)
        key = await self._keys.key(kid)
        try:
            return jwt.decode(
                token,
                key.public,
                # The key's own, so that no header makes an HMAC secret of a public key.
                algorithms=[key.algorithm],
                options={
                    "require": ["iss", "aud", "exp", "iat", "sub"],
                    # All compared here: issuers and audiences are several, the clock an argument.
                    "verify_iss": False,
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
            raise _invalid() from None

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        audience = claims["aud"]
        listed = audience if isinstance(audience, list) else [audience]
        texts = [each for each in (claims["iss"], *listed) if isinstance(each, str)]
        # A token that is also for others might have been passed on by them.
        if len(texts) != len(listed) + 1 or not listed or not set(listed) <= self._audiences:
            raise _invalid()
        if claims["iss"] not in self._issuers:
            raise _invalid()

    def _team(self, claims: Mapping[str, Any]) -> str | None:
        return _text(claims, self._team_claim) if self._team_claim else None


def _kid(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _invalid() from None
    kid = header.get("kid")
    # RFC 9068: `at+jwt` is an access token, which a provider gives out for other purposes.
    if not isinstance(kid, str) or header.get("typ", "JWT") not in {"JWT", "jwt"}:
        raise _invalid()
    return kid


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    if now_s >= _number(claims["exp"]) + CLOCK_LEEWAY_S:
        raise AuthenticationError("The ID token has expired.", code="token_expired")
    begins_s = max(_number(claims["iat"]), _number(claims.get("nbf", 0)))
    if begins_s > now_s + CLOCK_LEEWAY_S:
        raise _invalid()


def _number(claim: object) -> float:
    # Within what a float holds exactly; False for NaN as well.
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not 0 <= claim < 2**53:
        raise _invalid()
    return float(claim)


def _text(claims: Mapping[str, Any], name: str) -> str:
    claim = claims.get(name)
    if not isinstance(claim, str) or not claim.strip() or len(claim) > _TEXT_CHARACTERS_MAX:
        raise _invalid()
    # What Postgres cannot keep, nobody is called.
    if "\0" in claim or any("\ud800" <= character <= "\udfff" for character in claim):
        raise _invalid()
    return claim


def _is_same(claim: object, nonce: str) -> bool:
    return isinstance(claim, str) and hmac.compare_digest(
        claim.encode(errors="replace"), nonce.encode()
    )


def _invalid() -> AuthenticationError:
    return AuthenticationError("The ID token is not valid.", code="invalid_id_token")
