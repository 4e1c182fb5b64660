"""Counts a session's tokens where other processes see them, and settles them onto the plan."""

import time
from dataclasses import replace

import structlog

from voicehub.errors import FencedError, QuotaError, StorageError
from voicehub.session.commands import Book
from voicehub.session.metering import MILLION
from voicehub.storage import quota, settlement, usage
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Postgres
from voicehub.storage.quota import Quota
from voicehub.storage.redis import Redis
from voicehub.storage.settlement import Settled
from voicehub.telemetry.telemetry import Telemetry

logger = structlog.get_logger(__name__)


class MeterSink:
    """One per session. Totals are absolute, so every write may be repeated."""

    def __init__(
        self,
        *,
        redis: Redis,
        postgres: Postgres,
        owned: Owned,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._tokens = (telemetry or Telemetry()).tokens
        self._redis = redis
        self._postgres = postgres
        self._session = (owned.team_id, owned.session_id, owned.token)
        self._last: Book | None = None
        self._settled: Settled | None = None
        self._redis_is_behind = False
        self.unsettled_since_s: float | None = None
        """Since when something booked waits to be settled (`time.monotonic`)."""

    async def book(self, booking: Book) -> Quota | None:
        """Write the totals to Redis. Returns what the team has left, None when nobody knows.

        When Redis is away, they are settled onto Postgres at once instead, and what the team has
        left is what Postgres knows: other sessions do the same. Raises StorageError when
        neither took them, FencedError when a newer owner has the session.
        """
        self._count(booking)
        self._last = booking
        team_id, session_id, token = self._session
        try:
            left = await usage.book(
                self._redis,
                team_id,
                session_id,
                token,
                number=booking.sequence,
                totals=booking.totals,
                audio_in_flight=booking.pending_audio,
                settled=self._settled,
            )
        except FencedError:
            raise
        except StorageError:
            self._redis_is_behind = True
            logger.debug("tokens go to Postgres directly", session_id=session_id)
            return await self._settle_without_redis(booking)
        if left is None or self._redis_is_behind:
            return await self._rebuild()
        return left

    async def rebook(self) -> None:
        """Redis was emptied: tell it the last booking again, and what it belongs to.

        Raises StorageError.
        """
        if self._last is not None:
            await self.book(self._last)

    async def settle(self, *, finished: bool = False) -> None:
        """Bring row and subscription up to the last booking, then tell the live counter.

        Raises StorageError; repeating it adds nothing twice.
        """
        settled = await self._settle_row()
        if settled is None:
            return
        team_id, session_id, _ = self._session
        try:
            await usage.mark_settled(self._redis, team_id, session_id, settled, finished=finished)
        except StorageError:
            # The counter then shows too much in use until the next settlement.
            logger.debug("live counter not told of settlement", session_id=session_id)

    def _count(self, booking: Book) -> None:
        if self._last is None:
            return  # what earlier owners have booked
        new, old = booking.totals, self._last.totals
        audio, text = new.audio - old.audio, new.text - old.text
        if audio > 0 or text > 0:
            self._tokens.add("audio", by=audio / MILLION)
            self._tokens.add("text", by=text / MILLION)
            self.unsettled_since_s = self.unsettled_since_s or time.monotonic()

    async def _settle_row(self) -> Settled | None:
        if self._last is None:
            return None
        team_id, session_id, token = self._session
        last = self._last
        async with self._postgres.connection() as conn:
            self._settled = await settlement.settle(
                conn, team_id, session_id, last.totals.as_json(), token=token
            )
        if self._last is last:  # else more was booked meanwhile, and the lag counts on
            self.unsettled_since_s = None
        return self._settled

    async def _settle_without_redis(self, booking: Book) -> Quota:
        await self._settle_row()
        try:
            async with self._postgres.connection() as conn:
                left = await quota.settled(conn, self._session[0])
        except QuotaError:
            return Quota(0, 0)
        return replace(left, audio_left=left.audio_left - booking.pending_audio)

    async def _rebuild(self) -> Quota | None:
        """Redis was emptied or away: tell it what is settled of this session, and the plan.

        None when Postgres is away now: the booking is in Redis, and the next one tries again.
        """
        try:
            await self.settle()
            async with self._postgres.connection() as conn:
                left = await quota.refresh(self._redis, conn, self._session[0])
        except QuotaError:
            return Quota(0, 0)
        except FencedError:
            raise
        except StorageError:
            logger.debug("live counter not rebuilt", session_id=self._session[1])
            return None
        self._redis_is_behind = False
        return left
