"""Passwords as argon2id hashes, off the event loop; an unknown user costs what a known one does."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

from voicehub.auth.principal import fold_email
from voicehub.errors import ClientError, Fault, OverloadError

T = TypeVar("T")

# One hash takes 64 MiB and some 100 ms of a core (RFC 9106 section 4, second recommendation).
CONCURRENT_MAX = 2
# More than this many waiting are refused with 503: logins must not pile up behind a slow core.
WAITING_MAX = 64
OVERLOAD_RETRY_S = 2
# Of a new password. NIST SP 800-63B section 3.1.1.2: length counts, rules on its letters do not.
CHARACTERS_MIN = 12
BYTES_MAX = 1024

_HASHER = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """Hash in the calling thread, for commands and seeds; a server uses `Passwords`."""
    return _HASHER.hash(password)


def check_strength(password: str, email: str, *, param: str = "password") -> None:
    """Whether `password` will do for the user of that address. Raises ClientError for `param`."""
    if len(password) < CHARACTERS_MIN:
        raise _weak(param, f"A password has at least {CHARACTERS_MIN} characters.")
    if len(password.encode()) > BYTES_MAX:
        raise _weak(param, f"A password has at most {BYTES_MAX} bytes.")
    if fold_email(password) == fold_email(email):
        raise _weak(param, "The address is no password.")


def mark(password_hash: str | None) -> str:
    """What changes with a user's password, and stays when the same one is only hashed anew.

    It is made of the salt alone, so it tells nothing of the password.
    """
    if password_hash is None:
        return "none"
    parts = password_hash.split("$")
    return hashlib.sha256(parts[-2 if len(parts) > 2 else -1].encode()).hexdigest()[:32]


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

    async def rehash(self, password: str, password_hash: str) -> str:
        """Hash the same password at today's cost; its mark stays."""
        return await self._off_loop(
            lambda: _HASHER.hash(password, salt=_salt_to_keep(password_hash))
        )

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


def _salt_to_keep(password_hash: str) -> bytes | None:
    """None, and so a new one, where today's salts are of another length."""
    salt = password_hash.split("$")[-2]
    raw = base64.b64decode(salt + "=" * (-len(salt) % 4))
    return raw if len(raw) == _HASHER.salt_len else None


def _weak(param: str, reason: str) -> ClientError:
    fault = Fault(f"#/{param}", "weak_password", reason)
    return ClientError(reason, code="weak_password", param=param, faults=[fault])


def _nobody_hash() -> str:
    """A hash that no password has, at today's cost; random, so that nothing is computed for it."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


_NOBODY = _nobody_hash()
