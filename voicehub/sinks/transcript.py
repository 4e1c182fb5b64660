"""Keeps a session's lines: in Redis before the client sees them, in the row by growing batches."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from voicehub.errors import FencedError, StorageError
from voicehub.storage import lines, ownership
from voicehub.storage.lines import Line
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.tasks import spawn, stop

# A fold takes place after this share of what is folded has gathered, or some time after a line.
# Rewriting the row costs its length, so the cost of a line stays flat.
FOLD_SHARE = 10
FOLD_LINES_MIN = 10
# People say a line in a few seconds and never gather a tenth: the time grows with the transcript
# as well. Meanwhile the lines are in Redis, where REST reads them, and here.
FOLD_AFTER_S = 5.0
FOLD_AFTER_S_MAX = 60.0
FOLD_AFTER_LINES = 100  # up to so many folded lines it is the shortest time, then in proportion
# After a fold that failed. The lines stay in Redis and here.
RETRY_S = 2.0

logger = structlog.get_logger(__name__)


class TranscriptSink:
    """One per session. What is not folded yet is kept here too, so that folding reads nothing.

    That is a tenth of the transcript, or what comes while Postgres is away: about 300 bytes a line.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        postgres: Postgres,
        owned: Owned,
        on_folded: Callable[[int], None] | None = None,
    ) -> None:
        self._redis = redis
        self._postgres = postgres
        self._session = (owned.team_id, owned.session_id, owned.token)
        self._on_folded = on_folded
        self._waiting: list[tuple[int, Line]] = []
        self._folded_lines = 0
        self._enough = asyncio.Event()
        self._folding = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def adopt(self, unfolded: Iterable[tuple[int, Line]]) -> None:
        """Fold what an earlier owner has left in Redis, in order, before all else."""
        self._waiting[:0] = unfolded

    def start(self) -> None:
        """Fold in the background until `finish`."""
        self._task = spawn(self._fold_batches(), name=f"fold session {self._session[1]}")

    async def keep(self, sequence: int, line: Line) -> None:
        """Return once the line is in a second place: in Redis, or else in Postgres.

        Raises StorageError when neither took it, FencedError when a newer owner has the session.
        """
        if not self._waiting or self._waiting[-1][0] < sequence:
            self._waiting.append((sequence, line))
        team_id, session_id, token = self._session
        try:
            await lines.append(self._redis, team_id, session_id, token, sequence, line)
        except FencedError:
            raise
        except StorageError:
            logger.debug("line goes to Postgres directly", session_id=session_id)
            await self.fold()
            return
        if len(self._waiting) >= max(FOLD_LINES_MIN, self._folded_lines // FOLD_SHARE):
            self._enough.set()

    async def fold(self) -> None:
        """Bring the row up to date. Raises StorageError; repeating it adds nothing twice."""
        async with self._folding:
            batch = list(self._waiting)
            if not batch:
                return
            team_id, session_id, token = self._session
            async with self._postgres.connection() as conn:
                await ownership.fold(conn, team_id, session_id, token, batch)
            del self._waiting[: len(batch)]
            self._folded_lines += len(batch)
            self._enough.clear()
        upto = batch[-1][0]
        try:
            await lines.forget(self._redis, team_id, session_id, upto)
        except StorageError:
            # They are in the row as well; the next fold, or the end, forgets them.
            logger.debug("folded lines stay in Redis", session_id=session_id)
        if self._on_folded:
            self._on_folded(upto)

    async def secure(self) -> None:
        """Redis was emptied: put what only it had in a second place again.

        Raises StorageError, FencedError.
        """
        try:
            await self.fold()
        except FencedError:
            raise
        except StorageError:
            team_id, session_id, token = self._session
            for sequence, line in list(self._waiting):
                await lines.append(self._redis, team_id, session_id, token, sequence, line)

    async def finish(self, *, ended: bool = True) -> None:
        """Fold what is left. Raises StorageError; the lines are then still in Redis. A session that
        has not `ended` has an owner to come, who finds them there.
        """
        await stop(self._task)
        self._task = None
        await self.fold()
        if not ended:
            return
        team_id, session_id, _ = self._session
        try:
            await lines.let_expire(self._redis, team_id, session_id)
        except StorageError:
            logger.info("stream of an ended session stays", session_id=session_id)

    async def _fold_batches(self) -> None:
        delay_s = fold_after_s(self._folded_lines)
        while True:
            try:
                async with asyncio.timeout(delay_s):
                    await self._enough.wait()
            except TimeoutError:
                pass
            try:
                await self.fold()
                delay_s = fold_after_s(self._folded_lines)
            except StorageError as error:
                logger.debug("fold failed", session_id=self._session[1], code=error.code)
                self._enough.clear()
                delay_s = RETRY_S


def fold_after_s(folded_lines: int) -> float:
    """How long a line may wait for a fold, in a transcript of which so many are folded."""
    return min(FOLD_AFTER_S_MAX, FOLD_AFTER_S * max(1.0, folded_lines / FOLD_AFTER_LINES))
