"""Keeps a session's lease while its owner lives."""

import asyncio
from collections.abc import Callable

import structlog

from voicehub.errors import FencedError, StorageError
from voicehub.storage import lease
from voicehub.storage.ownership import Owned
from voicehub.storage.redis import Redis

logger = structlog.get_logger(__name__)


class Lease:
    """Held from `take` to `release`. `token` fences every write of the owner."""

    def __init__(self, redis: Redis, owned: Owned, owner: str) -> None:
        self._redis = redis
        self._session = (owned.team_id, owned.session_id)
        self._owner = owner
        self.token = owned.token

    async def take(self) -> None:
        """Raises FencedError, StorageError."""
        await lease.hold(self._redis, *self._session, self.token, self._owner)

    async def keep(self, on_lost: Callable[[FencedError], None]) -> None:
        """Renew until cancelled, or until a newer owner shows: then `on_lost` hears of it, once."""
        while True:
            await asyncio.sleep(lease.RENEW_EVERY_S)
            try:
                await self.take()
            except FencedError as error:
                on_lost(error)
                return
            except StorageError:
                # The session goes on: its writes carry the token and are refused when it is old.
                logger.debug("lease not renewed", session_id=self._session[1])

    async def release(self) -> None:
        try:
            await lease.release(self._redis, *self._session, self.token)
        except StorageError:
            # It runs out by itself.
            logger.info("lease left to run out", session_id=self._session[1])
