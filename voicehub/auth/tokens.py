"""The signed tokens: of users, of services, for one session (`ek_...`), for one new password."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from voicehub.auth.principal import NO_TEAM, Principal, fold_email
from voicehub.errors import AuthenticationError, VoiceHubError

KEY_BYTES_MIN = 32  # RFC 7518 section 3.2: an HS256 key is no shorter than its hash
TOKEN_CHARACTERS_MAX = 4096  # longer is refused unread; ours have about 350
CLOCK_LEEWAY_S = 10.0  # how far the clocks of two servers may differ
CLIENT_SECRET_PREFIX = "ek_"  # noqa: S105 - a prefix, not a secret

PASSWORD_RESET_S = 3600
SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)

_ALGORITHM = "HS256"
_BIGINT_MAX = 2**63 - 1
# The compact form of RFC 7515. Its characters are all legal in a Sec-WebSocket-Protocol value.
_JWT_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class Subject(Protocol):
    """The part of a user's row that goes into an access token."""

    @property
    def id(self) -> int: ...
    @property
    def team_id(self) -> int: ...
    @property
    def email(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """What a reset token proves: that its holder may choose this user's next password.

    Attributes:
        email: the user's address as the token was made: with another, the token is void.
        password_mark: of the password that may be replaced (`passwords.mark`): so each token serves
            once.
    """

    user_id: int
    team_id: int
    email: str
    password_mark: str


class Tokens:
    """Issues and verifies. The first key signs, every key verifies: that is how keys rotate."""

    def __init__(
        self,
        keys: Sequence[str],
        *,
        issuer: str = "voicehub",
        access_token_s: int,
        client_secret_s: int,
        admin_emails: Sequence[str] = (),
    ) -> None:
        self._keys = _parse_keys(keys)
        self._signing_kid = next(iter(self._keys))
        self._issuer = issuer
        # An audience each keeps one kind of token from standing in for another.
        self._access_audience = issuer
        self._secret_audience = f"{issuer}/realtime"
        self._service_audience = f"{issuer}/admin"
        self._reset_audience = f"{issuer}/password-reset"
        self._access_token_s = access_token_s
        self._client_secret_s = client_secret_s
        self._admin_emails = frozenset(fold_email(email) for email in admin_emails)

    def issue_access(self, user: Subject, *, now: datetime | None = None) -> tuple[str, int]:
        """A user's access token and its life in seconds."""
        issued_at = now or datetime.now(UTC)
        expires_at = issued_at + timedelta(seconds=self._access_token_s)
        token = self._sign(
            {
                "aud": self._access_audience,
                "sub": str(user.id),
                "team": user.team_id,
                "email": user.email,
            },
            issued_at,
            expires_at,
        )
        return token, self._access_token_s

    def issue_client_secret(
        self,
        principal: Principal,
        session_id: int,
        *,
        life_s: int | None = None,
        now: datetime | None = None,
    ) -> tuple[str, int]:
        """A secret that opens `session_id` only, and the Unix time when it expires.

        `life_s` may shorten the configured life, never lengthen it: a session that nobody opened
        holds its slot for the configured life only.
        """
        issued_at = now or datetime.now(UTC)
        life_s = min(life_s or self._client_secret_s, self._client_secret_s)
        expires_at = issued_at + timedelta(seconds=life_s)
        token = self._sign(
            {
                "aud": self._secret_audience,
                "sub": str(principal.own_user_id),
                "team": principal.team_id,
                "email": principal.email,
                "session": session_id,
            },
            issued_at,
            expires_at,
        )
        return CLIENT_SECRET_PREFIX + token, int(expires_at.timestamp())

    def issue_service(self, name: str, *, days: int, now: datetime | None = None) -> str:
        """A token of a platform admin that is no user: a program of the operator."""
        if not SERVICE_NAME.fullmatch(name):
            raise VoiceHubError("A service's name has 1 to 64 of a-z, 0-9, `.`, `_` and `-`.")
        issued_at = now or datetime.now(UTC)
        claims = {"aud": self._service_audience, "sub": name}
        return self._sign(claims, issued_at, issued_at + timedelta(days=days))

    def issue_password_reset(
        self, user: Subject, password_mark: str, *, now: datetime | None = None
    ) -> tuple[str, int]:
        """A token that chooses the user's next password, once, and its life in seconds."""
        issued_at = now or datetime.now(UTC)
        token = self._sign(
            {
                "aud": self._reset_audience,
                "sub": str(user.id),
                "team": user.team_id,
                "email": user.email,
                "mark": password_mark,
            },
            issued_at,
            issued_at + timedelta(seconds=PASSWORD_RESET_S),
        )
        return token, PASSWORD_RESET_S

    def read_password_reset(self, token: str, now: datetime) -> PasswordReset:
        """Raises AuthenticationError. Whether the token has served already, the user's row says."""
        claims = self._decode(token, (self._reset_audience,), now)
        return PasswordReset(
            _identifier(claims, "sub"),
            _identifier(claims, "team"),
            _text(claims, "email"),
            _text(claims, "mark"),
        )

    def verify(self, token: str, now: datetime) -> Principal:
        """Who holds `token`. Raises AuthenticationError, which never says more than it must."""
        is_client_secret = token.startswith(CLIENT_SECRET_PREFIX)
        audiences = (
            (self._secret_audience,)
            if is_client_secret
            else (self._access_audience, self._service_audience)
        )
        claims = self._decode(token.removeprefix(CLIENT_SECRET_PREFIX), audiences, now)
        if claims["aud"] == self._service_audience:
            return _service(claims)
        email = _text(claims, "email")
        user_id = _identifier(claims, "sub")
        return Principal(
            user_id=user_id,
            team_id=_identifier(claims, "team"),
            email=email,
            # A secret lives in a browser: it never administers.
            is_admin=not is_client_secret and fold_email(email) in self._admin_emails,
            actor=f"user:{user_id}",
            session_id=_identifier(claims, "session") if is_client_secret else None,
        )

    def _sign(self, claims: dict[str, Any], issued_at: datetime, expires_at: datetime) -> str:
        times = {"iat": int(issued_at.timestamp()), "exp": int(expires_at.timestamp())}
        return jwt.encode(
            {"iss": self._issuer, **claims, **times},
            self._keys[self._signing_kid],
            algorithm=_ALGORITHM,
            headers={"kid": self._signing_kid},
        )

    def _decode(self, token: str, audiences: tuple[str, ...], now: datetime) -> dict[str, Any]:
        if len(token) > TOKEN_CHARACTERS_MAX or not _JWT_SHAPE.fullmatch(token):
            raise _invalid()
        try:
            claims = jwt.decode(
                token,
                self._keys[jwt.get_unverified_header(token)["kid"]],
                algorithms=[_ALGORITHM],
                issuer=self._issuer,
                options={
                    "require": ["iss", "aud", "exp", "sub"],
                    # Compared below, exactly: ours is one string, never a list.
                    "verify_aud": False,
                    # Compared below: the clock is an argument.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        # A header may be any JSON: an unknown or unhashable kid, or brackets without end.
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
            raise _invalid() from None
        if claims["aud"] not in audiences:
            raise _invalid()
        if _number(claims, "exp") + CLOCK_LEEWAY_S <= now.timestamp():
            raise AuthenticationError("The token has expired.", code="token_expired")
        return claims


def _parse_keys(keys: Sequence[str]) -> Mapping[str, bytes]:
    parsed: dict[str, bytes] = {}
    for number, key in enumerate(keys, start=1):
        kid, colon, secret = key.partition(":")
        # The messages name the entry by its number: what stands in it may be the secret.
        if not colon or not kid:
            raise _misconfigured(f"signing key {number} is not written as `kid:secret`")
        if len(secret.encode()) < KEY_BYTES_MIN:
            raise _misconfigured(f"signing key {number} is shorter than {KEY_BYTES_MIN} bytes")
        if kid in parsed:
            raise _misconfigured(f"signing key {number} repeats the kid of another")
        parsed[kid] = secret.encode()
    if not parsed:
        raise _misconfigured("there is no signing key")
    return parsed


def _misconfigured(reason: str) -> VoiceHubError:
    return VoiceHubError(f"VOICEHUB_JWT_KEYS: {reason}.", code="invalid_setting")


def _invalid() -> AuthenticationError:
    return AuthenticationError("The token is not valid.")


def _service(claims: Mapping[str, Any]) -> Principal:
    name = _text(claims, "sub")
    if not SERVICE_NAME.fullmatch(name):
        raise _invalid()
    return Principal(None, NO_TEAM, f"service:{name}", is_admin=True, actor=f"service:{name}")


def _text(claims: Mapping[str, Any], name: str) -> str:
    claim = claims.get(name)
    if not isinstance(claim, str):
        raise _invalid()
    return claim


def _identifier(claims: Mapping[str, Any], name: str) -> int:
    claim = claims.get(name)
    # `sub` is a string by RFC 7519 section 4.1.2. int() would also take "१२", " 12 " and True.
    if isinstance(claim, str) and claim.isascii() and claim.isdecimal() and len(claim) <= 19:
        claim = int(claim)
    if type(claim) is not int or not 0 < claim <= _BIGINT_MAX:
        raise _invalid()
    return claim


def _number(claims: Mapping[str, Any], name: str) -> float:
    claim: object = claims.get(name)
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise _invalid()
    # False for NaN as well.
    if not -_BIGINT_MAX < claim < _BIGINT_MAX:
        raise _invalid()
    return float(claim)
