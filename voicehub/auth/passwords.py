"""Passwords as argon2id hashes, off the event loop; an unknown user costs what a known one does."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

from voicehub.errors import OverloadError

T = TypeVar("T")

# One hash takes 64 MiB and some 100 ms of a core (RFC 9106 section 4, second recommendation).
CONCURRENT_MAX = 2
# More than this many waiting are refused with 503: logins must not pile up behind a slow core.
WAITING_MAX = 64
OVERLOAD_RETRY_S = 2

_HASHER = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """Hash in the calling thread, for commands and seeds; a server uses `Passwords`."""
    return _HASHER.hash(password)


class Passwords:
    """Owns the threads that hash. The app closes it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(CONCURRENT_MAX, thread_name_prefix="passwords")
        self._pending = 0

    async def hash(self, password: str) -> str:
        return await self._off_loop(lambda: _HASHER.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` is the one; None stands for a user without a password, or no user."""
        return await self._off_loop(lambda: _matches(password, password_hash))

    @staticmethod
    def needs_rehash(password_hash: str) -> bool:
        return _HASHER.check_needs_rehash(password_hash)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _off_loop(self, work: Callable[[], T]) -> T:
        if self._pending >= CONCURRENT_MAX + WAITING_MAX:
            raise OverloadError("Too many logins at once.", retry_after_s=OVERLOAD_RETRY_S)
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._count_down)
        # Shielded, so that it counts down when the work ends: a caller who goes away frees no core.
        return await asyncio.shield(future)

    def _count_down(self, _: object) -> None:
        self._pending -= 1


def _matches(password: str, password_hash: str | None) -> bool:
    try:
        return _HASHER.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _nobody_hash() -> str:
    """A hash that no password has, at today's cost; random, so that nothing is computed for it."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


_NOBODY = _nobody_hash()
