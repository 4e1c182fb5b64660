"""Carries out what the cutter asks: reads the spool, talks to Spaces, notes in the manifest what
must outlive us.
"""

from dataclasses import replace

from voicehub.errors import StorageError
from voicehub.sinks.container import CONTAINERS
from voicehub.sinks.manifest import Manifest
from voicehub.sinks.parts import (
    CompleteUpload,
    CreateUpload,
    Cutter,
    DeleteTails,
    PutPart,
    PutWhole,
    Step,
    SweepTails,
    Tail,
)
from voicehub.sinks.spool import Spool, SpoolFile
from voicehub.storage.spaces import Spaces
from voicehub.storage.spaces_client import SpacesRefusedError

TAIL_MEDIA_TYPE = "application/octet-stream"


class RecordingLostError(StorageError):
    """Spaces dropped an upload whose bytes had left the spool: no retry brings them back."""

    code = "recording_lost"
    retryable = False


class Uploader:
    """Of one recording. `store_tail` and `take` may run at the same time as each other, not as
    themselves.

    A method that is cancelled or fails leaves the cutter where it was: asking it again gives the
    same work.
    """

    def __init__(
        self, *, spaces: Spaces, spool: Spool, file: SpoolFile, cutter: Cutter, manifest: Manifest
    ) -> None:
        self.manifest = manifest
        self._spaces = spaces
        self._spool = spool
        self._file = file
        self._cutter = cutter
        self._media_type = CONTAINERS[manifest.container].media_type

    @property
    def key(self) -> str:
        return f"{self.manifest.key_stem}.{self.manifest.container}"

    @property
    def tail_prefix(self) -> str:
        return f"{self.manifest.key_stem}.tail/"

    @property
    def url(self) -> str:
        return self._spaces.address(self.key)

    def tail_key(self, start: int) -> str:
        """Names sort as their bytes lie: a reader puts the tails together in order of name."""
        return f"{self.tail_prefix}{start:015d}"

    async def store_tail(self, tail: Tail, fresh: tuple[int, bytes] | None = None) -> None:
        """`fresh`: bytes of the spool that are still in memory, and where they begin."""
        is_stored = False
        try:
            if fresh is not None and fresh[0] == tail.start and len(fresh[1]) == tail.size:
                content = fresh[1]
            else:
                content = await self._spool.run(lambda: self._file.read(tail.start, tail.end))
            await self._spaces.put(self.tail_key(tail.start), content, TAIL_MEDIA_TYPE)
            is_stored = True
        finally:
            if is_stored:
                self._cutter.tail_saved(tail)
            else:
                self._cutter.tail_failed()

    async def take(self, step: Step) -> None:
        match step:
            case CreateUpload():
                answer = await self._spaces.create_upload(self.key, self._media_type)
                self._cutter.step_done(step, answer)
                await self.save_manifest()
            case PutPart():
                await self._put_part(step)
            case PutWhole(size):
                async with self._spool.part_slots:
                    reader = await self._spool.run(lambda: self._file.reader(0, size))
                    with reader:
                        await self._spaces.put(self.key, reader, self._media_type)
                self._cutter.step_done(step)
            case CompleteUpload():
                await self._complete(step)
            case DeleteTails(starts):
                await self._spaces.delete(self.tail_key(start) for start in starts)
                self._cutter.step_done(step)
            case SweepTails():
                found = await self._spaces.list_objects(self.tail_prefix)
                await self._spaces.delete(entry.key for entry in found)
                self._cutter.step_done(step)

    async def save_manifest(self) -> None:
        self.manifest = replace(self.manifest, cut=self._cutter.cut)
        content = self.manifest.as_json()
        await self._spool.run(lambda: self._file.save_manifest(content))

    async def look_for_object(self) -> None:
        """Tell the cutter when the finished object is stored already."""
        found = await self._spaces.head(self.key)
        if found is not None and found.size_bytes == self._cutter.size:
            self._cutter.joined_before()

    async def _put_part(self, step: PutPart) -> None:
        async with self._spool.part_slots:
            reader = await self._spool.run(lambda: self._file.reader(step.start, step.end))
            try:
                with reader:
                    etag = await self._spaces.upload_part(
                        self.key, step.upload_id, step.number, reader
                    )
            except SpacesRefusedError as refusal:
                if not refusal.is_gone:
                    raise
                await self._begin_again()
                return
        self._cutter.step_done(step, etag)
        # First noted, then let go: a process killed in between finds the part in the one or in the
        # other.
        await self.save_manifest()
        start, end = self._cutter.spent
        await self._spool.run(lambda: self._file.release(start, end))

    async def _complete(self, step: CompleteUpload) -> None:
        parts = [(part.number, part.etag) for part in step.parts]
        try:
            await self._spaces.complete_upload(self.key, step.upload_id, parts, step.size)
        except SpacesRefusedError as refusal:
            if not refusal.is_gone:
                raise
            await self._begin_again()
            return
        # An upload whose creation lost its answer would keep its parts for ever.
        for upload in await self._spaces.list_uploads(self.key):
            if upload.key == self.key:
                await self._spaces.abort_upload(upload.key, upload.upload_id)
        self._cutter.step_done(step)

    async def _begin_again(self) -> None:
        """The upload is gone, by a lifecycle rule or by hand."""
        if not await self._spool.run(self._file.holds_all):
            raise RecordingLostError(f"Spaces dropped the upload of {self.key}.")
        self._cutter.upload_gone()
        await self.save_manifest()
