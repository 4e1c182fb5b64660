"""What of a growing recording goes up next: small tail objects at once, parts when full, one object
at the end.

Pure: it knows byte offsets and never the bytes. Two lanes ask it, each with one request at a time:
the tail lane keeps the promise that audio is stored seconds after it was spoken, the bulk lane
gathers the parts of the final object.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

PART_BYTES_MIN = 5 << 20  # S3 refuses a smaller part, except as the last
PART_BYTES_MAX = 8 << 20  # what one upload holds in memory
TAIL_BYTES_MAX = 1 << 20  # the same for the tail lane, when it catches up after an outage
PARTS_MAX = 10_000  # S3's own limit
OBJECT_BYTES_MAX = PART_BYTES_MIN * (PARTS_MAX - 1)  # 14 days of FLAC; a recording stops there


@dataclass(frozen=True, slots=True)
class Tail:
    """The bytes from `start` up to `end` as an object of their own, named by `start`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Part:
    """A stored part. `revision` is the number of patches that were known when its upload began."""

    number: int
    start: int
    end: int
    revision: int
    etag: str


@dataclass(frozen=True, slots=True)
class CreateUpload:
    pass


@dataclass(frozen=True, slots=True)
class PutPart:
    upload_id: str
    number: int
    start: int
    end: int
    revision: int


@dataclass(frozen=True, slots=True)
class PutWhole:
    size: int


@dataclass(frozen=True, slots=True)
class CompleteUpload:
    upload_id: str
    parts: tuple[Part, ...]
    size: int


@dataclass(frozen=True, slots=True)
class DeleteTails:
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SweepTails:
    """Delete every tail object of the recording, known or not."""


Step = CreateUpload | PutPart | PutWhole | CompleteUpload | DeleteTails | SweepTails


@dataclass(frozen=True, slots=True)
class Cut:
    """What must be remembered of a recording beyond its process; the spool tells the rest."""

    upload_id: str | None
    parts: tuple[Part, ...]


class Cutter:
    def __init__(
        self,
        *,
        part_bytes_min: int = PART_BYTES_MIN,
        part_bytes_max: int = PART_BYTES_MAX,
        tail_bytes_max: int = TAIL_BYTES_MAX,
    ) -> None:
        assert part_bytes_min <= part_bytes_max
        self._part_bytes_min = part_bytes_min
        self._part_bytes_max = part_bytes_max
        self._tail_bytes_max = tail_bytes_max
        self._size = 0
        self._upload_id: str | None = None
        self._parts: list[Part] = []
        self._patches: list[tuple[int, int]] = []
        self._tails: deque[Tail] = (
            deque()
        )  # stored, not yet covered by a part, after the first part
        self._tailed = 0
        self._tail_is_under_way = False
        self._is_ended = False
        self._is_joined = False
        self.is_finished = False

    @classmethod
    def restored(cls, cut: Cut, size: int) -> "Cutter":
        """The cutter of a recording whose process died, with what the spool still holds."""
        cutter = cls()
        cutter._upload_id = cut.upload_id
        cutter._parts = [replace(part, revision=0) for part in cut.parts]
        cutter.grow(size)
        return cutter

    @property
    def cut(self) -> Cut:
        return Cut(self._upload_id, tuple(self._parts))

    @property
    def size(self) -> int:
        return self._size

    @property
    def saved(self) -> int:
        """Every byte before this one is stored, in a part or in a tail."""
        return max(self._parted, self._tailed)

    @property
    def spent(self) -> tuple[int, int]:
        """The range that no later step reads: parts after the first. The first is read again when
        its header is patched.
        """
        return (self._parts[0].end, self._parted) if self._parts else (0, 0)

    def grow(self, size: int) -> None:
        """The recording is now `size` bytes long."""
        assert not self._is_ended, "an ended recording does not grow"
        assert size >= self._size
        self._size = size

    def patch(self, start: int, end: int) -> None:
        """Bytes already written were changed; parts that hold them go up again before the end."""
        assert start < end <= self._size
        self._patches.append((start, end))

    def end(self) -> None:
        self._is_ended = True
        self.is_finished = not self._size  # nothing was said: nothing was sent

    def joined_before(self) -> None:
        """The one object is found stored, by a process that did not live to note it."""
        self._is_joined = True

    def next_tail(self) -> Tail | None:
        """The tail to store now; answered by `tail_saved` or `tail_failed` before the next is asked
        for.
        """
        assert not self._tail_is_under_way
        start = self.saved
        if self._is_ended or start >= self._size:
            return None
        self._tail_is_under_way = True
        return Tail(start, min(self._size, start + self._tail_bytes_max))

    def tail_saved(self, tail: Tail) -> None:
        self._tail_is_under_way = False
        self._tailed = max(self._tailed, tail.end)
        # The tails under the first part stay until the end: from them another machine can make that
        # part anew, with its header patched, when this one is lost with its spool.
        if not self._parts or tail.start >= self._parts[0].end:
            self._tails.append(tail)

    def tail_failed(self) -> None:
        """It may be stored all the same; the last sweep finds it."""
        self._tail_is_under_way = False

    def next_step(self) -> Step | None:
        """The bulk lane's next request, or None while there is nothing to do (or all is done)."""
        if self._is_joined or self.is_finished:
            # A tail that lands after the sweep would stay for ever.
            return None if self.is_finished or self._tail_is_under_way else SweepTails()
        if covered := self._covered_tails():
            return DeleteTails(covered)
        waiting = self._size - self._parted
        if not self._is_ended:
            return self._next_part() if waiting >= self._part_bytes_min else None
        if self._upload_id is None and self._size <= self._part_bytes_max:
            return PutWhole(self._size)
        if waiting:
            return self._next_part()
        return self._stale_part() or CompleteUpload(
            str(self._upload_id), tuple(self._parts), self._size
        )

    def step_done(self, step: Step, answer: str = "") -> None:
        """`answer` is the upload's id after CreateUpload and the ETag after PutPart."""
        match step:
            case CreateUpload():
                self._upload_id = answer
            case PutPart():
                self._note_part(step, answer)
            case PutWhole() | CompleteUpload():
                self._is_joined = True
            case DeleteTails(starts):
                while self._tails and self._tails[0].start <= starts[-1]:
                    self._tails.popleft()
            case SweepTails():
                self.is_finished = True

    def upload_gone(self) -> None:
        """The store dropped the upload: everything goes up again, from the first byte."""
        self._upload_id = None
        self._parts.clear()
        self._tailed = 0

    @property
    def _parted(self) -> int:
        return self._parts[-1].end if self._parts else 0

    def _next_part(self) -> Step:
        if self._upload_id is None:
            return CreateUpload()
        start = self._parted
        end = min(self._size, start + self._part_bytes_max)
        return PutPart(self._upload_id, len(self._parts) + 1, start, end, len(self._patches))

    def _stale_part(self) -> PutPart | None:
        for part in self._parts:
            if _overlaps(part, self._patches[part.revision :]):
                return PutPart(
                    str(self._upload_id), part.number, part.start, part.end, len(self._patches)
                )
        return None

    def _note_part(self, step: PutPart, etag: str) -> None:
        part = Part(step.number, step.start, step.end, step.revision, etag)
        if step.number <= len(self._parts):
            self._parts[step.number - 1] = part
            return
        self._parts.append(part)
        if step.number == 1:
            while self._tails and self._tails[0].start < part.end:
                self._tails.popleft()

    def _covered_tails(self) -> tuple[int, ...]:
        return tuple(tail.start for tail in self._tails if tail.end <= self._parted)


def _overlaps(part: Part, patches: Iterable[tuple[int, int]]) -> bool:
    return any(start < part.end and end > part.start for start, end in patches)
