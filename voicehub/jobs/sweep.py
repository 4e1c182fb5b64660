"""Ends sessions whose owner died, with everything that is known of them; any worker may, at once.

Each step may be repeated, and the row is ended last: a worker that dies on the way leaves a session
in progress, with a lease of its own that runs out, and the next worker does all of it again.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from voicehub.errors import FencedError, NotFoundError, StorageError
from voicehub.session.state import EndedReason, Status
from voicehub.sinks.summary import RecordingState
from voicehub.storage import lease, lines, ownership, sessions, settlement, usage
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Connection, Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.sessions import Session
from voicehub.storage.settlement import NoSubscriptionError

LOOK_EVERY_S = 2.0
# A lease must be missing for so long, and at so many looks, each of which Redis answered. A live
# owner renews it every 3 s, also when Redis was emptied; and after this machine has slept, what
# was there before it slept has all its looks to come.
GONE_S = 8.0
LOOKS_MIN = 4
# Sessions that are ended at once; the others wait. Less than the pool has connections.
AT_ONCE_MAX = 6
# Between two looks only those that were open, and newer ones, can be in progress. All rows are
# read this often, for those whose ids were committed late or that came back after a day.
READ_ALL_EVERY_S = 600.0
# `voicehub sweep` gives up here on what it cannot end.
SWEEP_ONCE_S = 60.0
IDS_LATE_MAX = 1000

_OWNER = f"sweeper {socket.gethostname()}:{os.getpid()}"

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Missing:
    """A lease that is not there: since when, at how many looks, and when its owner last lived."""

    since_s: float
    looks: int = 0
    lived_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Gone:
    owned: Owned  # by the dead owner
    missing: _Missing


class Sweeper:
    """One a worker. It keeps which leases it has seen missing, and for how long."""

    def __init__(
        self,
        postgres: Postgres,
        redis: Redis,
        *,
        keep_context: bool,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._postgres = postgres
        self._redis = redis
        self._keep_context = keep_context
        self._now_s = now_s
        self._missing: dict[tuple[int, int], _Missing] = {}  # by session and token
        self._open: list[int] = []
        self._above_id = 0
        self._read_all_s = -READ_ALL_EVERY_S

    @property
    def watched(self) -> int:
        """Sessions whose lease is missing and that are not ended yet."""
        return len(self._missing)

    async def sweep(self) -> int:
        """Look once, and end the sessions whose owner is dead. Returns how many ended.

        Raises StorageError when a store does not answer the look.
        """
        gone = await self._look()
        places = asyncio.Semaphore(AT_ONCE_MAX)

        async def end(each: _Gone) -> bool:
            async with places:
                return await self._try_to_end(each)

        async with asyncio.TaskGroup() as group:
            ending = [group.create_task(end(each), name="sweep") for each in gone]
        return sum(task.result() for task in ending)

    async def _look(self) -> list[_Gone]:
        found = await self._in_progress()
        try:
            held = await lease.held(self._redis, found)
        except StorageError:
            # A Redis that was away comes back with every lease run out.
            self._missing.clear()
            raise
        team_of = {session_id: team_id for team_id, session_id in found if session_id not in held}
        async with self._postgres.connection() as conn:
            # After the leases: an owner that came meanwhile has a new token, and all its time.
            tokens = await ownership.tokens(conn, list(team_of)) if team_of else {}
        now_s = self._now_s()
        before, self._missing = self._missing, {}
        gone = []
        for session_id, token in tokens.items():
            key = session_id, token
            missing = self._missing[key] = before.get(key) or _Missing(now_s)
            missing.looks += 1
            if missing.looks >= LOOKS_MIN and now_s - missing.since_s >= GONE_S:
                gone.append(_Gone(Owned(team_of[session_id], session_id, token), missing))
        return gone

    async def _in_progress(self) -> list[tuple[int, int]]:
        now_s = self._now_s()
        reads_all = now_s - self._read_all_s >= READ_ALL_EVERY_S
        known, above_id = ([], 0) if reads_all else (self._open, self._above_id)
        async with self._postgres.connection() as conn:
            found, self._open = await ownership.in_progress(conn, known, above_id)
        if reads_all:
            self._read_all_s = now_s
        self._above_id = max(self._above_id, max(self._open, default=0) - IDS_LATE_MAX)
        return found

    async def _try_to_end(self, gone: _Gone) -> bool:
        """Whether this worker ended it."""
        old = gone.owned
        try:
            await self._note_last_sign(gone)
            async with self._postgres.connection() as conn:
                token = await ownership.seize(conn, old.team_id, old.session_id, old.token)
        except StorageError as error:
            logger.warning("lost session not seized", session_id=old.session_id, code=error.code)
            return False
        del self._missing[old.session_id, old.token]
        if token is None:
            return False
        owned = Owned(old.team_id, old.session_id, token)
        try:
            ended = await self._end(owned, gone.missing)
        except FencedError:
            # Its client came back, or another worker counts this one as dead.
            return False
        except (StorageError, NotFoundError) as error:
            logger.warning("lost session not ended", session_id=old.session_id, code=error.code)
            # The next look tries again, unless somebody else has it by then.
            self._missing[owned.session_id, token] = gone.missing
            ended = False
        except Exception:
            # Our own bug, or a row that nobody expected: the others must end all the same. This one
            # is tried again as if its lease were missing since now.
            logger.exception("lost session cannot be ended", session_id=old.session_id)
            ended = False
        await self._release(owned)
        return ended

    async def _note_last_sign(self, gone: _Gone) -> None:
        """Before the lease is ours: then the last sign would be our own."""
        if gone.missing.lived_s is None:
            ago_s = await lease.renewed_s_ago(
                self._redis, gone.owned.team_id, gone.owned.session_id
            )
            if ago_s is not None:
                gone.missing.lived_s = self._now_s() - ago_s

    async def _end(self, owned: Owned, missing: _Missing) -> bool:
        """Fold, settle, let go of what is in Redis, and then end the row.

        Raises FencedError, StorageError, NotFoundError.
        """
        team_id, session_id, token = owned.team_id, owned.session_id, owned.token
        # From here on Redis refuses the old owner too: nothing is added after it has been read.
        await lease.hold(self._redis, team_id, session_id, token, _OWNER)
        waiting = await lines.unfolded(self._redis, team_id, session_id)
        async with self._postgres.connection() as conn:
            await ownership.fold(conn, team_id, session_id, token, waiting)
        await lines.let_expire(self._redis, team_id, session_id)
        await self._settle(owned)
        ended = await self._end_row(owned, missing)
        if ended:
            logger.info("lost session ended", session_id=session_id, team_id=team_id)
        return ended

    async def _settle(self, owned: Owned) -> None:
        team_id, session_id = owned.team_id, owned.session_id
        booked = await usage.last_booked(self._redis, team_id, session_id)
        try:
            async with self._postgres.connection() as conn:
                if booked is None:
                    booked = (await _row(conn, owned)).usage
                settled = await settlement.settle(
                    conn, team_id, session_id, booked, token=owned.token
                )
        except NoSubscriptionError:
            # It must end all the same; `settle_all` tries again for an hour.
            logger.warning("lost session has no subscription", session_id=session_id)
            return
        # What was in flight is in flight no more.
        await usage.mark_settled(self._redis, team_id, session_id, settled, finished=True)

    async def _end_row(self, owned: Owned, missing: _Missing) -> bool:
        # Where Redis knew of no sign of life, the lease was missing at least.
        lived_s = missing.since_s if missing.lived_s is None else missing.lived_s
        async with self._postgres.connection() as conn:
            row = await _row(conn, owned)
            recorded = row.data.get("recording") or row.data.get("legs")
            state = RecordingState.PROCESSING if recorded else RecordingState.EMPTY
            status, reason = how_it_ended(row)
            # A former owner may have written more than what was booked shows.
            written_ms = float(row.duration_minutes) * ownership.MS_PER_MINUTE
            return await ownership.finish(
                conn,
                owned.team_id,
                owned.session_id,
                owned.token,
                status=status,
                reason=reason,
                duration_ms=max(active_s(row) * 1000, written_ms),
                recording={"state": state.value},
                keep_context=self._keep_context,
                ended_s_ago=max(0.0, self._now_s() - lived_s),
            )

    async def _release(self, owned: Owned) -> None:
        try:
            await lease.release(self._redis, owned.team_id, owned.session_id, owned.token)
        except StorageError:
            logger.info("lease left to run out", session_id=owned.session_id)


async def sweep_once(postgres: Postgres, redis: Redis, *, keep_context: bool) -> int:
    """Look until every session without a lease is ended or has one again: some ten seconds.

    Raises StorageError.
    """
    sweeper = Sweeper(postgres, redis, keep_context=keep_context)
    ended = await sweeper.sweep()
    began_s = time.monotonic()
    while sweeper.watched and time.monotonic() - began_s < SWEEP_ONCE_S:
        await asyncio.sleep(LOOK_EVERY_S)
        ended += await sweeper.sweep()
    return ended


def how_it_ended(row: Session) -> tuple[Status, EndedReason]:
    """As its owner said when it went away in good order, and the client did not come back in time;
    else the owner is dead.
    """
    said = row.data.get("leaving")
    if isinstance(said, str) and said in {each.value for each in EndedReason}:
        reason = EndedReason(said)
        return Status.FAILED if reason is EndedReason.ENGINE else Status.COMPLETED, reason
    return Status.FAILED, EndedReason.LOST


def active_s(row: Session) -> float:
    """How long the session was in progress: as its owner counted, or else as what it left shows."""
    counted = _seconds(row.usage.get("active_seconds"))
    if counted:
        return counted
    lines_ms = (_seconds(line.get("end_ms")) for line in row.data.get("transcript", ()))
    return max(
        _seconds(row.usage.get("user_audio_seconds")),
        _seconds(row.usage.get("agent_audio_seconds")),
        max(lines_ms, default=0.0) / 1000,
    )


def _seconds(value: Any) -> float:  # Any: a number of open-ended JSON, or nothing
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


async def _row(conn: Connection, owned: Owned) -> Session:
    row = await sessions.get(conn, owned.team_id, owned.session_id)
    if row is None:
        raise NotFoundError("There is no such session.")
    return row
