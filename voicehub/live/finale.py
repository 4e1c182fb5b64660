"""What surrounds a session's conversation: what is made ready before, and what is settled after."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from voicehub.errors import FencedError, StorageError
from voicehub.live.lease import Hearing, Lease
from voicehub.session.commands import Finish
from voicehub.session.state import EndedReason, Status
from voicehub.sinks.meter import MeterSink
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.row import RowSink
from voicehub.sinks.summary import RecordingState
from voicehub.sinks.transcript import TranscriptSink
from voicehub.storage import erasure, ownership
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Postgres
from voicehub.tasks import spawn, stop

# Each of the last steps; one that takes longer is left to the worker, which repeats it.
STEP_DEADLINE_S = 30.0
# A store that is away for so long at the very end changes nothing of how a session ended; after
# that the sweeper ends it, as lost, and a pause with it.
TRIES_S = 20.0
RETRY_S = 0.5

# Nothing that a renewal tells changes the last steps.
_DEAF = Hearing(lost=lambda _: None, wished=lambda _: None, emptied=lambda: None)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sinks:
    """What outlives the session."""

    row: RowSink
    transcript: TranscriptSink
    meter: MeterSink
    recorder: Recorder


class Finale:
    """Each step is repeatable and stands alone: one that fails does not keep the others back."""

    def __init__(
        self,
        *,
        postgres: Postgres,
        sinks: Sinks,
        lease: Lease,
        owned: Owned,
        keep_context: bool,
        grace_ms: float,
    ) -> None:
        """`grace_ms`: how long the client of a session that is left in progress may take to come
        back.
        """
        self._postgres = postgres
        self._sinks = sinks
        self._lease = lease
        self._session = (owned.team_id, owned.session_id, owned.token)
        self._keep_context = keep_context
        self._grace_ms = grace_ms
        self.resumes = False
        """Whether earlier owners have recorded a part of it."""
        self.finish = Finish(Status.FAILED, EndedReason.LOST, 0.0)
        """How the session ended; this stands when it never came to converse."""
        self._records = False

    async def begin(self) -> None:
        """Take the lease, open the recording.

        Raises StorageError: the spool or the row cannot be written, or a newer owner has it.
        """
        try:
            await self._lease.take()
        except FencedError:
            raise
        except StorageError:
            logger.warning("session starts without a lease", session_id=self._session[1])
        await self._sinks.recorder.open()
        self._records = True
        async with self._postgres.connection() as conn:
            recording = {"state": self._sinks.recorder.state.value}
            await ownership.set_recording(conn, *self._session, recording, None)

    async def run(self) -> None:
        """Fold, settle, write the row, close the recording, release. Not to be cancelled."""
        # A store may be slow now: the session is not to be taken for one whose owner died.
        keeping = spawn(self._lease.keep(_DEAF), name=f"lease of session {self._session[1]}")
        try:
            await self._take_steps()
        finally:
            await stop(keeping)
        if self.finish.status is Status.IN_PROGRESS:
            await self._lease.leave(self._grace_ms)
        else:
            await self._lease.release()

    async def _take_steps(self) -> None:
        ended, sinks = self._ended, self._sinks
        tries_until_s = asyncio.get_running_loop().time() + TRIES_S
        for name, step in (
            ("row", sinks.row.finish),
            ("fold", partial(sinks.transcript.finish, ended=ended)),
            ("settle", partial(sinks.meter.settle, finished=ended)),
            ("finish", self._end_row),
        ):
            await self._step(name, partial(self._insist, step, tries_until_s))
        if self._records:
            await self._step("recording", self._close_recording)

    @property
    def _ended(self) -> bool:
        return self.finish.status in {Status.COMPLETED, Status.FAILED}

    async def _end_row(self) -> None:
        finish = self.finish
        # Nobody folds the lines of a session that is not in progress: it ends with all of them.
        await self._sinks.transcript.fold()
        async with self._postgres.connection() as conn:
            if finish.status is Status.PAUSED:
                await ownership.pause(
                    conn, *self._session, duration_ms=finish.duration_ms, at_ms=finish.at_ms
                )
            elif not self._ended:
                reason = finish.reason or EndedReason.LOST
                await ownership.leave(
                    conn, *self._session, duration_ms=finish.duration_ms, reason=reason
                )
            else:
                state = RecordingState.PROCESSING if self._records else RecordingState.EMPTY
                await ownership.finish(
                    conn,
                    *self._session,
                    status=finish.status,
                    reason=finish.reason or EndedReason.LOST,
                    duration_ms=finish.duration_ms,
                    recording={"state": state.value},
                    keep_context=self._keep_context,
                )

    async def _close_recording(self) -> None:
        """This owner's part is one object then; of several parts a job makes one."""
        summary = await self._sinks.recorder.finish()
        async with self._postgres.connection() as conn:
            if self._ended and not self.resumes:
                with suppress(FencedError):
                    made = summary.as_json(), summary.url
                    await ownership.set_recording(conn, *self._session, *made)
                    return
            await ownership.leave_part(conn, *self._session[:2], summary.key)
            await erasure.came_late(conn, *self._session[:2])

    async def _insist(self, step: Callable[[], Awaitable[None]], until_s: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await step()
            except FencedError:
                raise
            except StorageError as error:
                if not error.retryable or loop.time() + RETRY_S > until_s:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _step(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(STEP_DEADLINE_S):
                await step()
        except FencedError:
            logger.info("a newer owner has the session", step=name, session_id=self._session[1])
        except Exception as error:  # noqa: BLE001  # whatever it is, the other steps must follow
            logger.warning(
                "last step left to the worker",
                step=name,
                session_id=self._session[1],
                error=type(error).__name__,
            )
