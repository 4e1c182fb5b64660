"""The folder on disk where recordings wait until Spaces has them, and the one thread that touches
it.

A recording is a folder of segments, each named by the offset of its first byte, so that what is
stored can be let go while the recording goes on: disk use stays flat over hours. It outlives a
killed process, not a lost machine (nothing is fsynced; the tail objects on Spaces are for that).
"""

import asyncio
import errno
import fcntl
import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from voicehub.errors import StorageError
from voicehub.sinks.shared_folder import files, is_held

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

SEGMENT_BYTES = 1 << 20  # a segment at least this long is closed and the next one begun
PARTS_AT_ONCE_MAX = 4  # of all recordings; more wait, so that tails find the line free
MANIFEST = "manifest.json"
_LOCK = "lock"
_SEGMENT_SUFFIX = ".seg"


class SpoolFullError(StorageError):
    """The folder has reached its limit, or the disk is full: the recording ends here, the session
    goes on.
    """

    code = "spool_full"
    retryable = False


class Spool:
    """The limit is this process's own share of the folder plus what was found there at `open`.

    Work on files runs in `run`, one piece at a time: a recording has at most one piece of encoding
    and two reads waiting there. All that is asked for in one turn of the loop, or while the thread
    is busy, goes there and comes back together: waking a thread costs more than most of the work.
    """

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        self.folder = folder
        self.bytes_max = bytes_max
        self.bytes_used = 0
        self.part_slots = asyncio.Semaphore(PARTS_AT_ONCE_MAX)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._waiting: list[_Piece] = []
        self._is_busy = False

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        try:
            await self.run(self._take_stock)
        except OSError as error:
            raise StorageError(f"The spool folder cannot be used: {error.strerror}.") from error

    async def close(self) -> None:
        """Let the thread end; recordings are closed by then."""
        await self.run(lambda: None)  # comes after all that was asked for before
        await asyncio.to_thread(self._thread.shutdown)

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work` on the spool's thread. If cancelled, work that is on its way there still runs
        to its end, and later work after it: order on disk holds.
        """
        loop = asyncio.get_running_loop()
        piece = _Piece(work, loop.create_future())
        self._waiting.append(piece)
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._hand_over, loop)
        result: T = await piece.done
        return result

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the thread what waits."""
        batch = [piece for piece in self._waiting if not piece.done.done()]
        self._waiting = []
        self._is_busy = bool(batch)
        if batch:
            self._thread.submit(self._work_off, batch, loop)

    def _work_off(self, batch: "list[_Piece]", loop: asyncio.AbstractEventLoop) -> None:
        """Runs on the spool's thread."""
        for piece in batch:
            try:
                piece.result = piece.work()
            except BaseException as error:  # noqa: BLE001  # who asked for the work gets it
                piece.failure = error
        loop.call_soon_threadsafe(self._hand_back, batch, loop)

    def _hand_back(self, batch: "list[_Piece]", loop: asyncio.AbstractEventLoop) -> None:
        for piece in batch:
            if piece.done.done():
                continue  # whoever asked was cancelled
            if piece.failure is None:
                piece.done.set_result(piece.result)
            else:
                piece.done.set_exception(piece.failure)
        self._hand_over(loop)

    def oldest_s(self) -> float:
        """The age of the oldest recording in the folder, 0 without any. A look at the folder."""
        created_s = [stat.st_mtime for _, stat in files(self.folder, f"*/{_LOCK}")]
        return max(0.0, time.time() - min(created_s)) if created_s else 0.0

    def create(self, name: str) -> "SpoolFile":
        """A new, empty recording. Runs on the spool's thread, like all below."""
        folder = self.folder / name
        try:
            folder.mkdir(parents=True)
            return SpoolFile(self, folder)
        except OSError as error:
            raise StorageError(f"The spool folder cannot be used: {error.strerror}.") from error

    def adopt(self, folder: Path) -> "SpoolFile":
        """A recording that a dead process left; StorageError while another process has it open."""
        try:
            return SpoolFile(self, folder)
        except BlockingIOError:
            raise StorageError("This recording is still being written.") from None
        except OSError as error:
            raise StorageError(f"This recording cannot be read: {error.strerror}.") from error

    def leftovers(self) -> list[Path]:
        """Manifests of recordings that no living process holds, oldest first."""
        found = files(self.folder, f"*/{MANIFEST}")
        return [path for path, _ in found if not is_held(path.parent / _LOCK)]

    def reserve(self, size: int) -> None:
        if self.bytes_used + size > self.bytes_max:
            raise SpoolFullError(f"The spool holds {self.bytes_used} bytes, its limit.")
        self.bytes_used += size

    def _take_stock(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        found = files(self.folder, f"*/*{_SEGMENT_SUFFIX}")
        self.bytes_used = sum(stat.st_size for _, stat in found)


@dataclass(slots=True, eq=False)
class _Piece:
    """Work for the thread, and what became of it."""

    work: Callable[[], Any]  # Any: each piece has a result of its own type
    done: "asyncio.Future[Any]"
    result: Any = None
    failure: BaseException | None = None


class SpoolFile:
    """One recording's bytes by their offset in the finished object, and its manifest. Used on the
    spool's thread only.
    """

    def __init__(self, spool: Spool, folder: Path) -> None:
        self.folder = folder
        self._spool = spool
        self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process
        except OSError:
            os.close(self._lock)
            raise
        self._segments: dict[int, int] = {  # start -> size, in order of start
            start: path.stat().st_size
            for start, path in sorted((int(p.stem), p) for p in folder.glob(f"*{_SEGMENT_SUFFIX}"))
        }
        self._last: int | None = None  # descriptor of the segment that grows

    @property
    def manifest_path(self) -> Path:
        return self.folder / MANIFEST

    @property
    def size(self) -> int:
        """The offset behind the last byte."""
        if not self._segments:
            return 0
        start = next(reversed(self._segments))
        return start + self._segments[start]

    def append(self, content: bytes) -> None:
        """All of `content`, or SpoolFullError and nothing of it."""
        if not content:
            return
        self._spool.reserve(len(content))
        try:
            self._write_at_end(content)
        except OSError as error:
            self._spool.bytes_used -= len(content)
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise SpoolFullError("The disk is full.") from error
            raise StorageError(f"The spool cannot be written: {error.strerror}.") from error

    def patch(self, offset: int, content: bytes) -> None:
        """Overwrite bytes that lie in one segment (a container's header does)."""
        start = max(start for start in self._segments if start <= offset)
        assert offset + len(content) <= start + self._segments[start]
        descriptor = os.open(self._path(start), os.O_WRONLY)
        try:
            os.pwrite(descriptor, content, offset - start)
        finally:
            os.close(descriptor)

    def read(self, start: int, end: int) -> bytes:
        with self.reader(start, end) as reader:
            return reader.readall()

    def reader(self, start: int, end: int) -> "SpoolReader":
        """The bytes of that range, held in no memory of ours: a part of an hour's recording is as
        cheap as one of a minute's. May be read on any thread, and outlives `release`.
        """
        reader = SpoolReader()
        try:
            for first, size in self._segments.items():
                low, high = max(start, first), min(end, first + size)
                if low < high:
                    reader.add(self._path(first), low - first, high - low)
        except OSError as error:
            reader.close()
            raise StorageError(f"The spool cannot be read: {error.strerror}.") from error
        if reader.size != end - start:
            reader.close()
            raise StorageError("The spool no longer holds what was asked for.")
        return reader

    def read_end(self, size_max: int) -> bytes:
        """The last bytes, as far back as they are still here without a gap."""
        start = self.size
        for first, size in reversed(self._segments.items()):
            if first + size < start or self.size - start >= size_max:
                break
            start = first
        return self.read(max(start, self.size - size_max), self.size)

    def holds_all(self) -> bool:
        """Whether every byte from the first is still here."""
        return sum(self._segments.values()) == self.size

    def release(self, start: int, end: int) -> None:
        """Let go of the segments that lie wholly inside; the growing one stays."""
        for first, size in list(self._segments.items())[:-1]:
            if start <= first and first + size <= end:
                self._path(first).unlink()
                del self._segments[first]
                self._spool.bytes_used -= size

    def truncate(self, size: int) -> None:
        """Cut off a torn end."""
        self._end_segment()
        for first, length in reversed(list(self._segments.items())):
            keep = min(length, max(0, size - first))
            self._spool.bytes_used -= length - keep
            if keep:
                os.truncate(self._path(first), keep)
                self._segments[first] = keep
            else:
                self._path(first).unlink()
                del self._segments[first]

    def save_manifest(self, content: bytes) -> None:
        fresh = self.folder / f"{MANIFEST}.new"
        try:
            fresh.write_bytes(content)
            fresh.replace(self.manifest_path)
        except OSError as error:
            raise StorageError(f"The spool cannot be written: {error.strerror}.") from error

    def load_manifest(self) -> bytes:
        try:
            return self.manifest_path.read_bytes()
        except OSError as error:
            raise StorageError(f"This recording has no manifest: {error.strerror}.") from error

    def close(self) -> None:
        """Let go of the recording; it stays on disk."""
        self._end_segment()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def remove(self) -> None:
        """Delete it from disk: Spaces has it. The manifest goes first, so that half a removal is no
        leftover.
        """
        if not self.folder.exists():
            return
        self.manifest_path.unlink(missing_ok=True)
        self._end_segment()
        for start, size in self._segments.items():
            self._path(start).unlink(missing_ok=True)
            self._spool.bytes_used -= size
        self._segments.clear()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
        self.close()

    def _write_at_end(self, content: bytes) -> None:
        if self._last is None or self._segments[next(reversed(self._segments))] >= SEGMENT_BYTES:
            self._end_segment()
            start = self.size
            self._last = os.open(self._path(start), os.O_WRONLY | os.O_CREAT, 0o600)
            self._segments.setdefault(start, 0)
        start = next(reversed(self._segments))
        size = self._segments[start]
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._last, content[written:], size + written)
        except OSError:
            os.ftruncate(self._last, size)
            raise
        self._segments[start] = size + len(content)

    def _end_segment(self) -> None:
        if self._last is not None:
            os.close(self._last)
            self._last = None

    def _path(self, start: int) -> Path:
        return self.folder / f"{start:015d}{_SEGMENT_SUFFIX}"


class SpoolReader(io.RawIOBase):
    """A file over ranges of segments; not mapped, since a failing disk would kill the process."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self._ranges: list[tuple[int, int, int]] = []  # descriptor, first byte, length
        self._position = 0

    def add(self, path: Path, start: int, length: int) -> None:
        self._ranges.append((os.open(path, os.O_RDONLY), start, length))
        self.size += length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self.size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, target: "WriteableBuffer") -> int:
        wanted = memoryview(target).cast("B")
        position = self._position
        for descriptor, start, length in self._ranges:
            if position < length:
                size = min(len(wanted), length - position)
                chunk = os.pread(descriptor, size, start + position)
                wanted[: len(chunk)] = chunk
                self._position += len(chunk)
                return len(chunk)
            position -= length
        return 0

    def close(self) -> None:
        """A read under way in another thread fails or reads nonsense; nobody waits for it."""
        ranges, self._ranges = self._ranges, []
        for descriptor, _, _ in ranges:
            os.close(descriptor)
        super().close()
