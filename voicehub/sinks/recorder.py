"""Records a session while it runs: blocks of stereo samples in, one object on Spaces out, at most
seconds behind.

`write` takes a block and returns; everything else happens in three tasks that the recorder owns:
one encodes to the spool on disk, one stores the newest bytes as small tail objects, one gathers the
parts of the final object.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from voicehub.errors import StorageError
from voicehub.sinks.container import (
    CONTAINERS,
    SAMPLE_RATE_HZ,
    Block,
    Repair,
)
from voicehub.sinks.manifest import Manifest, folder_name
from voicehub.sinks.parts import TAIL_BYTES_MAX, Cut, Cutter, Tail
from voicehub.sinks.resume import patch_file, repair_file
from voicehub.sinks.spool import Spool, SpoolFile, SpoolFullError
from voicehub.sinks.summary import RecordingState, RecordingSummary, finished_state, summarise
from voicehub.sinks.uploader import RecordingLostError, Uploader
from voicehub.storage.spaces import Spaces
from voicehub.tasks import spawn, stop

# Of a session that is recorded live each block, 1.5 s long, is a tail: with half a second to upload
# it, audio is stored 2.1 s after it has settled. More than a block at once gathers for as long.
TAIL_INTERVAL_S = 1.4
REST_S_MIN = 0.05  # a tail that is due so soon goes with the block that has just come
# Not yet encoded: the longest append is 328 s, pushed at once. Beyond this the disk hangs, and the
# recording is truncated.
PENDING_SAMPLES_MAX = 600 * SAMPLE_RATE_HZ
BEHIND_SAMPLES = 20 * SAMPLE_RATE_HZ
BACKOFF_S = 0.5  # after a failed request, doubled each time
BACKOFF_MAX_S = 15.0
BACKOFF_ENDING_MAX_S = 1.0  # once the session has ended, until the deadline
FINISH_DEADLINE_S = 20.0  # then the recording stays in the spool and a job finishes it
MARKS_MAX = (
    4096  # more than an hour of outage, to the block; beyond it the lag is known less finely
)

logger = structlog.get_logger(__name__)


class Recorder:
    """`open` once, `write` often, then `finish` (or `abandon`). Samples are written in order and
    without gaps: laying them out in time is the timeline's work.
    """

    def __init__(
        self,
        *,
        spaces: Spaces,
        spool: Spool,
        key_stem: str,
        container: str = "flac",
        tail_interval_s: float = TAIL_INTERVAL_S,
        finish_deadline_s: float = FINISH_DEADLINE_S,
        on_saved: Callable[[float], None] | None = None,
    ) -> None:
        """`on_saved` hears how many seconds are on Spaces, each time that grows."""
        self._spaces = spaces
        self._spool = spool
        self._manifest = Manifest(key_stem, container, Cut(None, ()))
        self._container = CONTAINERS[container]()
        self._tail_interval_s = tail_interval_s
        self._finish_deadline_s = finish_deadline_s
        self._on_saved = on_saved
        self._cutter = Cutter()
        self._pending: list[Block] = []
        self._pending_samples = 0
        self._written_samples = 0
        self._settled_samples = 0  # in whole frames in the spool
        self._saved_samples = 0
        self._marks: deque[tuple[int, int]] = deque()  # (bytes, the samples they surely hold)
        # What was encoded last and where it lies: the next tail, which then need not be read.
        self._fresh: tuple[int, bytes] | None = None
        self._is_truncated = False  # takes no more blocks
        self._is_torn = False  # besides, what the encoder gave out is not all in the spool
        self._is_ending = asyncio.Event()
        self._arrived = asyncio.Event()
        self._grown_for_tail = asyncio.Event()
        self._grown_for_parts = asyncio.Event()
        self._is_drained = asyncio.Event()
        self._is_drained.set()
        self._closing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._summary: RecordingSummary | None = None
        self._file: SpoolFile
        self._uploader: Uploader

    @property
    def state(self) -> RecordingState:
        if self._summary is not None:
            return self._summary.state
        return RecordingState.TRUNCATED if self._is_truncated else RecordingState.RECORDING

    @property
    def seconds_written(self) -> float:
        return self._written_samples / SAMPLE_RATE_HZ

    @property
    def seconds_saved(self) -> float:
        """How much is on Spaces."""
        return self._saved_samples / SAMPLE_RATE_HZ

    async def open(self) -> None:
        """StorageError when the spool folder cannot be written. Not to be cancelled without
        `abandon` after it.
        """
        name = folder_name(self._manifest.key_stem)
        self._file = await self._spool.run(lambda: self._spool.create(name))
        self._uploader = Uploader(
            spaces=self._spaces,
            spool=self._spool,
            file=self._file,
            cutter=self._cutter,
            manifest=self._manifest,
        )
        try:
            await self._uploader.save_manifest()
        except BaseException:
            await self._spool.run(self._file.remove)
            raise
        self._tasks = [
            spawn(lane(), name=f"recording {self._manifest.key_stem} {lane.__name__}")
            for lane in (self._encode_lane, self._tail_lane, self._part_lane)
        ]

    def write(self, block: Block) -> None:
        """Take `block`, shape (samples, 2); the caller no longer changes it. Never blocks, never
        raises for a store.
        """
        assert block.ndim == 2
        assert block.shape[1] == 2
        assert block.dtype == "int16"
        if self._is_truncated or self._is_ending.is_set() or not len(block):
            return
        if self._pending_samples + len(block) > PENDING_SAMPLES_MAX:
            self._truncate("the disk is too slow")
            return
        self._pending.append(block)
        self._pending_samples += len(block)
        self._written_samples += len(block)
        self._is_drained.clear()
        self._arrived.set()

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for the spool that who writes faster than real time should wait."""
        return self._pending_samples > BEHIND_SAMPLES and not self._is_truncated

    async def drained(self) -> None:
        """Wait until all that was written is in the spool."""
        await self._is_drained.wait()

    async def finish(self) -> RecordingSummary:
        """Close the recording and wait until it is one object, at most `finish_deadline_s` long.
        May be repeated; if cancelled, the tasks go on and a further `finish` or `abandon` awaits
        them.
        """
        self._is_ending.set()
        self._arrived.set()
        async with self._closing:
            if self._summary is None:
                done, late = await asyncio.wait(
                    self._tasks,
                    timeout=self._finish_deadline_s,
                    return_when=asyncio.FIRST_EXCEPTION,
                )
                await self._stop(late)
                self._summary = await self._close(has_failed=any([*map(_has_failed, done)]))
            return self._summary

    async def abandon(self) -> None:
        """Stop at once. The spool stays, and `resume_recording` makes of it what was written so
        far.
        """
        self._is_ending.set()
        await self._stop(self._tasks)
        if self._summary is None and self._tasks:
            await self._spool.run(self._file.close)

    async def discard(self) -> None:
        """Stop at once and keep nothing in the spool; what is on Spaces stays."""
        await self.abandon()
        if self._tasks:
            await self._spool.run(self._file.remove)

    async def _encode_lane(self) -> None:
        try:
            while not (self._is_ending.is_set() and not self._pending):
                await self._arrived.wait()
                self._arrived.clear()
                await self._encode_pending()
                if not self._pending:
                    self._is_drained.set()
            await self._end()
        finally:
            self._is_drained.set()

    async def _encode_pending(self) -> None:
        # The blocks are this method's own: in a lane that waits they would stay until the next.
        blocks, self._pending, self._pending_samples = self._pending, [], 0
        if not blocks or self._is_torn:
            return
        self._fresh = None
        failure = await self._spool.run(lambda: self._to_spool(blocks))
        if failure is not None:
            self._is_torn = True
            self._truncate(failure.message)
        if self._file.size > self._cutter.size:
            self._cutter.grow(self._file.size)
            if len(self._marks) == MARKS_MAX:
                self._marks.pop()
            self._marks.append((self._file.size, self._settled_samples))
            self._wake(self._grown_for_tail, self._grown_for_parts)

    def _to_spool(self, blocks: list[Block]) -> StorageError | None:
        """Runs on the spool's thread. After a failure the encoder is ahead of the spool."""
        start = self._file.size
        for block in blocks:
            fresh = self._container.encode(block)
            try:
                if self._file.size + len(fresh) > self._container.bytes_max:
                    raise SpoolFullError("The recording's format holds no more.")
                self._file.append(fresh)
            except StorageError as error:
                return error
            self._settled_samples = self._container.samples_settled
        if len(blocks) == 1:
            self._fresh = (start, fresh)
        return None

    async def _end(self) -> None:
        """Write the last bytes and the header's patches, and note that the spool is whole."""
        repair = await self._spool.run(self._close_container)
        self._cutter.grow(self._file.size)
        for patch in repair.patches:
            self._cutter.patch(patch.offset, patch.end)
        self._cutter.end()
        self._uploader.manifest = replace(
            self._uploader.manifest,
            is_ended=True,
            is_truncated=self._is_truncated,
            samples=repair.samples,
        )
        await self._uploader.save_manifest()
        self._wake(self._grown_for_tail, self._grown_for_parts)

    def _close_container(self) -> Repair:
        last, patches = self._container.close()
        if self._written_samples and not self._is_torn:
            try:
                self._file.append(last)
            except StorageError as error:
                self._truncate(error.message)
            else:
                whole = Repair(self._file.size, self._written_samples, patches)
                return patch_file(self._file, whole)
        return repair_file(self._file, self._manifest.container)

    async def _tail_lane(self) -> None:
        loop = asyncio.get_running_loop()
        due, failures = loop.time(), 0
        while not self._is_ending.is_set():
            await self._grown_for_tail.wait()
            self._grown_for_tail.clear()
            if due - loop.time() > REST_S_MIN:
                await self._rest(due - loop.time())
            tail = self._cutter.next_tail()
            if tail is None:
                continue
            due = loop.time() + self._tail_interval_s
            try:
                await self._uploader.store_tail(tail, self._take_fresh())
            except StorageError as error:
                failures = self._note_failure(error, failures)
                due = loop.time() + _backoff_s(failures)
                self._grown_for_tail.set()
            else:
                failures = self._note_success(failures)
                self._note_saved()
                if _is_full(tail):  # behind after an outage: no pause until it has caught up
                    due = loop.time()
                    self._grown_for_tail.set()
            self._wake(self._grown_for_parts)

    def _take_fresh(self) -> tuple[int, bytes] | None:
        fresh, self._fresh = self._fresh, None
        return fresh

    async def _part_lane(self) -> None:
        failures = 0
        while not self._cutter.is_finished:
            step = self._cutter.next_step()
            if step is None:
                await self._grown_for_parts.wait()
                self._grown_for_parts.clear()
                continue
            try:
                await self._uploader.take(step)
            except RecordingLostError:
                raise
            except StorageError as error:
                failures = self._note_failure(error, failures)
                await self._rest(_backoff_s(failures))
                if self._is_ending.is_set():
                    await asyncio.sleep(min(_backoff_s(failures), BACKOFF_ENDING_MAX_S))
            else:
                failures = self._note_success(failures)
                self._note_saved()

    async def _rest(self, seconds: float) -> None:
        """Wait, but not beyond the session's end."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._is_ending.wait()
            except TimeoutError:
                return

    async def _stop(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        for task in tasks:
            try:
                await stop(task)
            except Exception:
                logger.exception("recording.failed", key=self._uploader.key)

    async def _close(self, *, has_failed: bool) -> RecordingSummary:
        state = self._final_state(has_failed=has_failed)
        if state in {RecordingState.PROCESSING, RecordingState.FAILED}:
            await self._spool.run(self._file.close)
            logger.warning("recording.unfinished", key=self._uploader.key, state=state)
        else:
            await self._spool.run(self._file.remove)
        return summarise(state, self._uploader, self._cutter)

    def _final_state(self, *, has_failed: bool) -> RecordingState:
        if has_failed:
            return RecordingState.FAILED
        if not self._cutter.is_finished:
            return RecordingState.PROCESSING
        return finished_state(self._uploader.manifest)

    def _truncate(self, why: str) -> None:
        if not self._is_truncated:
            self._is_truncated = True
            logger.error("recording.truncated", key=self._manifest.key_stem, reason=why)

    def _note_saved(self) -> None:
        saved, before = self._cutter.saved, self._saved_samples
        while self._marks and self._marks[0][0] <= saved:
            self._saved_samples = self._marks.popleft()[1]
        if self._on_saved is not None and self._saved_samples > before:
            self._on_saved(self.seconds_saved)

    def _note_failure(self, error: StorageError, failures: int) -> int:
        if not failures:  # once per outage
            logger.warning("recording.behind", key=self._uploader.key, error=error.message)
        return failures + 1

    def _note_success(self, failures: int) -> int:
        if failures:
            logger.info("recording.stored_again", key=self._uploader.key, failures=failures)
        return 0

    @staticmethod
    def _wake(*events: asyncio.Event) -> None:
        for event in events:
            event.set()


def _has_failed(task: asyncio.Task[None]) -> bool:
    failure = None if task.cancelled() else task.exception()
    if failure is not None:
        logger.error("recording.failed", task=task.get_name(), exc_info=failure)
    return failure is not None


def _is_full(tail: Tail) -> bool:
    return tail.size >= TAIL_BYTES_MAX


def _backoff_s(failures: int) -> float:
    delay_s = min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(failures, 10))
    return random.uniform(delay_s / 2, delay_s)  # noqa: S311  # spreads retries, guards nothing
