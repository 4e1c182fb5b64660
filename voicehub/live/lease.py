"""Keeps a session's lease while its owner lives, and hears what is asked of the owner."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from voicehub.errors import FencedError, StorageError
from voicehub.storage import lease
from voicehub.storage.lease import Wish
from voicehub.storage.ownership import Owned
from voicehub.storage.redis import Redis

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the owner does at what a renewal tells; all of it returns at once."""

    lost: Callable[[FencedError], None]
    """A newer owner has the session: nothing is renewed after this."""
    wished: Callable[[Wish], None]
    emptied: Callable[[], None]
    """Redis has forgotten the session, or was away: what only it held may be gone from it."""


class Lease:
    """Held from `take` to `release`. `token` fences every write of the owner."""

    def __init__(self, redis: Redis, owned: Owned, owner: str) -> None:
        self._redis = redis
        self._session = (owned.team_id, owned.session_id)
        self._owner = owner
        self.token = owned.token
        self.is_taken = False
        """Whether Redis refuses earlier owners."""

    async def take(self) -> None:
        """Raises FencedError, StorageError."""
        await lease.hold(self._redis, *self._session, self.token, self._owner)
        self.is_taken = True

    async def keep(self, hearing: Hearing) -> None:
        """Renew until cancelled, or until a newer owner shows."""
        outages = self._redis.outages
        while True:
            await asyncio.sleep(lease.RENEW_EVERY_S)
            try:
                held = await lease.hold(self._redis, *self._session, self.token, self._owner)
            except FencedError as error:
                hearing.lost(error)
                return
            except StorageError:
                # The session goes on: its writes carry the token and are refused when it is old.
                # The log tells of the outage once, not each session of it.
                logger.debug("lease not renewed", session_id=self._session[1])
                continue
            # After an outage it may be another Redis, which has not copied the last writes.
            if not held.was_known or self._redis.outages != outages:
                outages = self._redis.outages
                hearing.emptied()
            if held.wish is not None:
                hearing.wished(held.wish)

    async def release(self) -> None:
        try:
            await lease.release(self._redis, *self._session, self.token)
        except StorageError:
            # It runs out by itself.
            logger.info("lease left to run out", session_id=self._session[1])

    async def leave(self, grace_ms: float) -> None:
        """Let the session's client come back to another owner for so long."""
        try:
            await lease.leave(self._redis, *self._session, self.token, grace_ms=grace_ms)
        except StorageError:
            logger.info("lease left to run out", session_id=self._session[1])
