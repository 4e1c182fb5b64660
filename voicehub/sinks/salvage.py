"""What an owner that died left of a recording on Spaces, put together again: the object, or the
parts of an upload that nobody completed, and the tail objects behind them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicehub.errors import StorageError
from voicehub.sinks.container import CONTAINERS, REPAIR_TAIL_BYTES, WAV_HEADER_BYTES
from voicehub.sinks.scratch import Scratch
from voicehub.storage.spaces import OpenUpload, Spaces, StoredObject, StoredPart

READ_BYTES_MAX = 4 << 20  # one request's; what an hour's recording holds in memory
HEADER_BYTES = 64  # of either format, as far as the field that says how long it is
_FLAC_LENGTH = slice(21, 26)
_FLAC_LENGTH_MASK = (1 << 36) - 1
_WAV_LENGTH = slice(40, WAV_HEADER_BYTES)
_WAV_UNKNOWN = b"\xff" * 4
_MARKS = {b"fLaC": "flac", b"RIFF": "wav"}


class RecordingBrokenError(StorageError):
    """What is stored cannot be read as audio."""

    code = "recording_broken"
    retryable = False


@dataclass(frozen=True, slots=True)
class Remains:
    """Of one owner. `stored` is the object of its name: finished, or an upload that was completed
    here to be read.
    """

    key: str
    container: str
    stored: StoredObject | None
    tails: tuple[tuple[int, StoredObject], ...]  # (offset of the first byte, object), in order
    uploads: tuple[OpenUpload, ...]

    @property
    def key_stem(self) -> str:
        return self.key.removesuffix(f".{self.container}")


async def look(
    key_stem: str,
    objects: Iterable[StoredObject],
    uploads: Iterable[OpenUpload],
    spaces: Spaces,
) -> Remains | None:
    """Choose what is of `key_stem` from a listing; None when nothing can be heard of it."""
    found = {entry.key: entry for entry in objects if entry.key.startswith(key_stem)}
    open_ = [upload for upload in uploads if upload.key.startswith(f"{key_stem}.")]
    tails = _tails(f"{key_stem}.tail/", found.values())
    for name in CONTAINERS:
        key = f"{key_stem}.{name}"
        of_key = tuple(upload for upload in open_ if upload.key == key)
        if key in found or of_key:
            return Remains(key, name, found.get(key), tails, of_key)
    # Tails do not tell their format: the first bytes do.
    if tails and tails[0][0] == 0:
        start = await spaces.get(tails[0][1].key)
        for mark, name in _MARKS.items():
            if start.startswith(mark):
                return Remains(f"{key_stem}.{name}", name, None, tails, ())
    return None


async def finished_samples(remains: Remains, spaces: Spaces) -> int | None:
    """How long the object is, when it is there and finished: only then its header says so."""
    if remains.stored is None or remains.stored.size_bytes < HEADER_BYTES:
        return None
    header = await spaces.get(remains.key, (0, HEADER_BYTES))
    if remains.container == "wav":
        length = header[_WAV_LENGTH]
        return None if length == _WAV_UNKNOWN else int.from_bytes(length, "little") // 4
    return int.from_bytes(header[_FLAC_LENGTH], "big") & _FLAC_LENGTH_MASK or None


async def fetch(remains: Remains, spaces: Spaces, scratch: Scratch) -> int:
    """Bring what is there into `scratch`, as a whole file. Returns how many samples it holds.

    An upload is completed to be read, so its owner must be dead. Repeatable.
    """
    samples = await finished_samples(remains, spaces)
    stored = remains.stored or await _complete_upload(remains, spaces)
    if stored is not None:
        await _fetch_object(stored, spaces, scratch)
    if samples is not None:
        return samples
    for start, tail in remains.tails:
        if start > scratch.size:
            break  # a hole: what comes behind cannot be joined
        if start + tail.size_bytes > scratch.size:
            content = await spaces.get(tail.key)
            await scratch.append(content[scratch.size - start :])
    return await _mend(remains, scratch)


def _tails(prefix: str, objects: Iterable[StoredObject]) -> tuple[tuple[int, StoredObject], ...]:
    named = ((found.key.removeprefix(prefix), found) for found in objects)
    return tuple(
        sorted(
            ((int(name), found) for name, found in named if name.isdecimal()),
            key=lambda tail: tail[0],
        )
    )


async def _fetch_object(stored: StoredObject, spaces: Spaces, scratch: Scratch) -> None:
    for start in range(0, stored.size_bytes, READ_BYTES_MAX):
        end = min(stored.size_bytes, start + READ_BYTES_MAX)
        await scratch.append(await spaces.get(stored.key, (start, end)))


async def _complete_upload(remains: Remains, spaces: Spaces) -> StoredObject | None:
    """Parts cannot be read until they are joined. Of several uploads the longest is the owner's;
    the others are of lost answers.
    """
    longest: tuple[int, str, list[StoredPart]] = (0, "", [])
    for upload in remains.uploads:
        parts = _leading(await spaces.list_parts(upload.key, upload.upload_id) or ())
        size = sum(part.size_bytes for part in parts)
        longest = max(longest, (size, upload.upload_id, parts), key=lambda found: found[0])
    size, upload_id, parts = longest
    if not size:
        return None
    listed = [(part.number, part.etag) for part in parts]
    await spaces.complete_upload(remains.key, upload_id, listed, size)
    return StoredObject(remains.key, size)


def _leading(parts: Sequence[StoredPart]) -> list[StoredPart]:
    """The parts from the first, up to one that is missing."""
    return [part for place, part in enumerate(parts, 1) if part.number == place]


async def _mend(remains: Remains, scratch: Scratch) -> int:
    """Cut it to whole frames and give its header the length."""
    if not scratch.size:
        return 0
    repair = CONTAINERS[remains.container].repair(
        scratch.size, await scratch.read_end(REPAIR_TAIL_BYTES)
    )
    if repair.samples:
        await scratch.mend(repair.size, repair.patches)
    elif scratch.size > REPAIR_TAIL_BYTES:
        raise RecordingBrokenError(f"{remains.key} has no whole frame of audio at its end.")
    return repair.samples
