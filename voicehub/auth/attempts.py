"""How often somebody may try a password: attempts per address and per account, kept in Redis."""

import hashlib
import time
import uuid

import structlog

from voicehub.auth.principal import fold_email
from voicehub.errors import RateLimitError, StorageError
from voicehub.storage.redis import Redis

WINDOW_S = 900
# From one network address on one account. At the limit: 429, until old attempts leave the window.
ATTEMPTS_PER_ADDRESS_MAX = 10
# On one account from anywhere. Higher, so that a stranger does not easily lock its owner out.
ATTEMPTS_PER_ACCOUNT_MAX = 50

_log = structlog.get_logger(__name__)


class LoginAttempts:
    """Counts before the password is checked, so that guesses made at once count as well."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def begin(self, email: str, address: str) -> None:
        """Count an attempt. Raises RateLimitError at a limit.

        Without Redis nothing is counted: logins go on, held back by the price of a hash.
        """
        limits = (ATTEMPTS_PER_ADDRESS_MAX, ATTEMPTS_PER_ACCOUNT_MAX)
        try:
            for key, limit in zip(_keys(email, address), limits, strict=True):
                await self._count(key, limit)
        except StorageError:
            _log.warning("login attempts are not counted")

    async def succeed(self, email: str, address: str) -> None:
        """Forget the attempts from this address: it knows the password."""
        try:
            for key in _keys(email, address)[:1]:
                await self._redis.within_deadline(self._redis.client.delete(key))
        except StorageError:
            _log.warning("login attempts are not forgotten")

    async def _count(self, key: str, limit: int) -> None:
        now_s = time.time()
        # A sorted set and not a counter: to repeat a command changes nothing.
        async with self._redis.client.pipeline(transaction=True) as commands:
            commands.zremrangebyscore(key, "-inf", now_s - WINDOW_S)
            commands.zadd(key, {uuid.uuid4().hex: now_s})
            # The newest attempts are enough to know; the set stays small under a flood.
            commands.zremrangebyrank(key, 0, -limit - 2)
            commands.zcard(key)
            commands.expire(key, WINDOW_S)
            answers = await self._redis.within_deadline(commands.execute())
        if answers[3] > limit:
            raise RateLimitError("Too many logins failed. Try again later.", retry_after_s=WINDOW_S)


def _keys(email: str, address: str) -> list[str]:
    # Hashed: Redis need not know who tries to log in.
    account = hashlib.sha256(fold_email(email).encode()).hexdigest()[:32]
    origin = hashlib.sha256(f"{account} {address}".encode()).hexdigest()[:32]
    return [f"login:address:{origin}", f"login:account:{account}"]
