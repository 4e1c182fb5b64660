"""Refresh tokens: each is used once, for its successor; one that comes back ends the sign-in.

A sign-in is a *family* of tokens, of which Redis keeps the last two as hashes. A successor is made
of the token before it and a random salt: the salt alone is kept, so that who repeats a request
whose answer was lost is given the same successor, and nobody finds one in Redis.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from voicehub.auth.passwords import mark as password_mark
from voicehub.auth.principal import fold_email
from voicehub.auth.tokens import Subject
from voicehub.errors import AuthenticationError
from voicehub.storage.redis import Redis

# A client that repeats a refresh within this time is answered once more; later, the token counts as
# stolen: one of the two who hold it is not its owner.
REPEAT_MS = 10_000
# Sign-ins of a user at one time; beyond, the one that began first ends.
SIGN_INS_MAX = 50
PREFIX = "rt_"
TOKEN_CHARACTERS_MAX = 128  # longer is refused unread; ours have 89

_SECRET_BYTES = 32
_SALT_BYTES = 16
_FAMILY_BYTES = 16
_IDS = struct.Struct(">QQ")  # of the user and of the team
_BYTES = _IDS.size + _FAMILY_BYTES + _SECRET_BYTES

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token taken apart. What it says of itself is not proven before it is exchanged."""

    user_id: int
    team_id: int
    family: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Raises AuthenticationError."""
        encoded = text.removeprefix(PREFIX)
        if encoded == text or len(text) > TOKEN_CHARACTERS_MAX or not text.isascii():
            raise _invalid()
        try:
            raw = base64.b64decode(
                encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            raise _invalid() from None
        # base64 has several spellings of the same bytes; a token has one.
        if len(raw) != _BYTES or _encoded(raw) != encoded:
            raise _invalid()
        user_id, team_id = _IDS.unpack_from(raw)
        family = raw[_IDS.size : -_SECRET_BYTES].hex()
        return cls(user_id, team_id, family, raw[-_SECRET_BYTES:])

    def __str__(self) -> str:
        """The token itself, for its owner."""
        ids = _IDS.pack(self.user_id, self.team_id)
        return PREFIX + _encoded(ids + bytes.fromhex(self.family) + self.secret)

    @property
    def secret_hash(self) -> str:
        return hashlib.sha256(self.secret).hexdigest()

    def successor(self, salt: str) -> "RefreshToken":
        secret = hmac.digest(self.secret, bytes.fromhex(salt), "sha256")
        return RefreshToken(self.user_id, self.team_id, self.family, secret)


def sign_in_mark(email: str, password_hash: str | None) -> str:
    """What a sign-in is bound to: with another password or address of the user it is over.

    Postgres alone decides so, also where Redis was away when the row was changed.
    """
    return hashlib.sha256(
        f"{password_mark(password_hash)} {fold_email(email)}".encode()
    ).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Issued:
    token: str = field(repr=False)
    expires_in_s: int
    """Until the sign-in itself is over: to be used does not lengthen it."""


class RefreshTokens:
    """Every function raises StorageError while Redis is away."""

    def __init__(self, redis: Redis, *, life_s: int) -> None:
        self._redis = redis
        self._life_s = life_s

    async def begin(self, user: Subject, mark: str, now: datetime) -> Issued:
        """The first token of a new sign-in.

        `mark` is the `sign_in_mark` of the row that was read to prove who it is: if the row has
        another by the time of a refresh, the sign-in is over.
        """
        token = RefreshToken(
            user.id,
            user.team_id,
            secrets.token_hex(_FAMILY_BYTES),
            secrets.token_bytes(_SECRET_BYTES),
        )
        now_ms = _ms(now)
        await self._redis.run(
            "begin_sign_in",
            [_key(user.id)],
            [
                token.family,
                token.secret_hash,
                mark,
                now_ms,
                now_ms + self._life_s * 1000,
                SIGN_INS_MAX,
            ],
        )
        return Issued(str(token), self._life_s)

    async def rotate(self, token: RefreshToken, mark: str, now: datetime) -> Issued:
        """The next token. Raises AuthenticationError, and the sign-in is then over."""
        salt = secrets.token_hex(_SALT_BYTES)
        now_ms = _ms(now)
        outcome, kept_salt, expires_at_ms = await self._redis.run(
            "rotate_sign_in",
            [_key(token.user_id)],
            [
                token.family,
                token.secret_hash,
                mark,
                now_ms,
                salt,
                token.successor(salt).secret_hash,
                REPEAT_MS,
            ],
        )
        if outcome != b"rotated":
            if outcome == b"reused":
                _log.warning(
                    "a refresh token came back; its sign-in is over", user_id=token.user_id
                )
            raise _invalid()
        successor = token.successor(kept_salt.decode())
        return Issued(str(successor), (expires_at_ms - now_ms) // 1000)

    async def revoke(self, token: RefreshToken) -> None:
        """End the sign-in of a token, be it the last one or one before. Nobody guesses a family."""
        await self._redis.within_deadline(
            self._redis.client.hdel(_key(token.user_id), token.family),
            key=_key(token.user_id),
        )

    async def revoke_all(self, user_id: int) -> None:
        """End every sign-in of a user. Access tokens live on until they expire."""
        key = _key(user_id)
        await self._redis.within_deadline(self._redis.client.delete(key), key=key)


def _key(user_id: int) -> str:
    # The hash tag, as of a team's keys: what is ever added for a user stands on the same slot.
    return f"{{user:{user_id}}}:sign_ins"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _ms(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _invalid() -> AuthenticationError:
    return AuthenticationError("Sign in again.", code="invalid_refresh_token")
