"""Finishes a recording whose writer is gone, from what it left in the spool."""

from dataclasses import replace
from pathlib import Path

import structlog

from voicehub.errors import StorageError
from voicehub.sinks.container import CONTAINERS, REPAIR_TAIL_BYTES, Repair
from voicehub.sinks.manifest import Manifest
from voicehub.sinks.parts import Cutter
from voicehub.sinks.spool import Spool, SpoolFile
from voicehub.sinks.summary import RecordingSummary, finished_state, summarise
from voicehub.sinks.uploader import Uploader
from voicehub.storage.spaces import Spaces

logger = structlog.get_logger(__name__)


class SpoolBrokenError(StorageError):
    """The spool cannot become the recording, however often it is tried: Spaces may have more."""

    code = "spool_broken"
    retryable = False


async def resume_recording(manifest: Path, *, spaces: Spaces, spool: Spool) -> RecordingSummary:
    """Finish a recording that a dead process, or an outage at its end, left in the spool.

    Repeatable: StorageError leaves the spool as it is, for the next attempt. Also raised while a
    living process writes the recording. `spool.leftovers()` lists the manifests.
    """
    file = await spool.run(lambda: spool.adopt(manifest.parent))
    try:
        return await _resume(file, spaces, spool)
    finally:
        await spool.run(file.close)


async def _resume(file: SpoolFile, spaces: Spaces, spool: Spool) -> RecordingSummary:
    content = await spool.run(file.load_manifest)
    try:
        manifest = Manifest.from_json(content)
    except StorageError as error:
        raise SpoolBrokenError(error.message) from error
    was_ended = manifest.is_ended
    if not was_ended:
        repair = await spool.run(lambda: repair_file(file, manifest.container))
        manifest = replace(manifest, is_ended=True, samples=repair.samples)
    if manifest.cut.parts and manifest.cut.parts[-1].end > file.size:
        raise SpoolBrokenError(f"The spool of {manifest.key_stem} is shorter than what was stored.")
    cutter = Cutter.restored(manifest.cut, file.size)
    if file.size:
        # Whether the first part went up with its header patched is not known: it goes up (again).
        cutter.patch(0, 1)
    cutter.end()
    uploader = Uploader(spaces=spaces, spool=spool, file=file, cutter=cutter, manifest=manifest)
    await uploader.save_manifest()
    if was_ended:
        await uploader.look_for_object()
    while (step := cutter.next_step()) is not None:
        await uploader.take(step)
    await spool.run(file.remove)
    logger.info("recording.resumed", key=uploader.key)
    return summarise(finished_state(uploader.manifest), uploader, cutter)


def repair_file(file: SpoolFile, container: str) -> Repair:
    """Close a file whose encoder is gone. Runs on the spool's thread."""
    if not file.size:
        return Repair(0, 0, ())
    repair = CONTAINERS[container].repair(file.size, file.read_end(REPAIR_TAIL_BYTES))
    if not repair.samples:
        raise SpoolBrokenError("The spool holds no whole frame of audio.")
    file.truncate(repair.size)
    return patch_file(file, repair)


def patch_file(file: SpoolFile, repair: Repair) -> Repair:
    for patch in repair.patches:
        file.patch(patch.offset, patch.content)
    return repair
