"""How often somebody may try to sign in: attempts per account and network address, in Redis."""

import hashlib
import time
import uuid
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address

import structlog

from voicehub.auth.principal import fold_email
from voicehub.errors import RateLimitError, StorageError
from voicehub.storage.redis import Redis

WINDOW_S = 900
# At each limit: 429, until old attempts leave the window.
# From one network address on one account.
ATTEMPTS_PER_ADDRESS_MAX = 10
# On one account from anywhere. Higher, so that a stranger does not easily lock its owner out.
ATTEMPTS_PER_ACCOUNT_MAX = 50
# From one network address on whatever account, so that nobody tries one password on all. Those that
# succeed do not count: an office of hundreds may stand behind one address.
ATTEMPTS_PER_ORIGIN_MAX = 100
# Mails to one account: whoever asks for them is not the one who gets them.
RESETS_PER_ACCOUNT_MAX = 5

# Who has one address of IPv6 has the network around it.
_IPV6_NETWORK_BITS = 64

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that was counted; it is forgotten when it succeeds."""

    id: str
    keys: tuple[str, ...]


class LoginAttempts:
    """Counts before the proof is checked, so that guesses made at once count as well.

    Without Redis nothing is counted: logins go on, held back by the price of a hash.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def begin(self, email: str, address: str) -> Attempt:
        """Count an attempt on an account. Raises RateLimitError at a limit."""
        pair, account = _keys(email, address)
        return await self._begin(
            {
                pair: ATTEMPTS_PER_ADDRESS_MAX,
                account: ATTEMPTS_PER_ACCOUNT_MAX,
                _origin_key(address): ATTEMPTS_PER_ORIGIN_MAX,
            }
        )

    async def begin_anywhere(self, address: str) -> Attempt:
        """Count an attempt on nobody knows which account yet. Raises RateLimitError."""
        return await self._begin({_origin_key(address): ATTEMPTS_PER_ORIGIN_MAX})

    async def begin_reset(self, email: str, address: str) -> None:
        """Count a mail that was asked for. Raises RateLimitError."""
        account = f"reset:account:{_digest(fold_email(email))}"
        await self._begin(
            {account: RESETS_PER_ACCOUNT_MAX, _origin_key(address): ATTEMPTS_PER_ORIGIN_MAX}
        )

    async def succeed(self, attempt: Attempt) -> None:
        """Forget it, and all from this address on this account: it knows the password."""
        try:
            for key in attempt.keys:
                is_pair = key.startswith("login:address:")
                await self._redis.within_deadline(
                    self._redis.client.delete(key)
                    if is_pair
                    else self._redis.client.zrem(key, attempt.id)
                )
        except StorageError:
            _log.warning("login attempts are not forgotten")

    async def _begin(self, limits: dict[str, int]) -> Attempt:
        attempt = Attempt(uuid.uuid4().hex, tuple(limits))
        try:
            for key, limit in limits.items():
                await self._count(attempt.id, key, limit)
        except StorageError:
            _log.warning("login attempts are not counted")
        return attempt

    async def _count(self, attempt_id: str, key: str, limit: int) -> None:
        now_s = time.time()
        # A sorted set and not a counter: to repeat a command changes nothing.
        async with self._redis.client.pipeline(transaction=True) as commands:
            commands.zremrangebyscore(key, "-inf", now_s - WINDOW_S)
            commands.zadd(key, {attempt_id: now_s})
            # The newest attempts are enough to know; the set stays small under a flood.
            commands.zremrangebyrank(key, 0, -limit - 2)
            commands.zcard(key)
            commands.expire(key, WINDOW_S)
            answers = await self._redis.within_deadline(commands.execute())
        if answers[3] > limit:
            raise RateLimitError("Too many attempts. Try again later.", retry_after_s=WINDOW_S)


def _keys(email: str, address: str) -> tuple[str, str]:
    account = _digest(fold_email(email))
    return f"login:address:{_digest(f'{account} {_network(address)}')}", f"login:account:{account}"


def _origin_key(address: str) -> str:
    return f"login:origin:{_digest(_network(address))}"


def _digest(text: str) -> str:
    # Hashed: Redis need not know who tries to log in.
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # a local socket has none
    if parsed.version == 4:
        return address
    return str(IPv6Network((parsed, _IPV6_NETWORK_BITS), strict=False))
