"""Aborts multipart uploads that nobody owns: a lost answer or a lost machine left them behind."""

from datetime import UTC, datetime, timedelta

import structlog

from voicehub.errors import StorageError
from voicehub.storage import retention
from voicehub.storage.postgres import Postgres
from voicehub.storage.recording_keys import RECORDINGS, session_of
from voicehub.storage.spaces import OpenUpload, Spaces

# A younger upload may be that of a session whose row is only about to say so.
AGE_MIN = timedelta(days=1)
# Sessions asked for in one statement.
BATCH = 1000

logger = structlog.get_logger(__name__)


async def abort_uploads(postgres: Postgres, spaces: Spaces, *, age_min: timedelta = AGE_MIN) -> int:
    """Abort what is older than `age_min` and belongs to no session that may need it.

    Returns how many were aborted. Raises StorageError when a store is away.
    """
    before = datetime.now(UTC) - age_min
    old = [
        (upload, session[1])
        for upload in await spaces.list_uploads(RECORDINGS)
        # A key that is none of ours is left alone, and so is an upload without a date.
        if (session := session_of(upload.key)) and upload.begun_at and upload.begun_at < before
    ]
    aborted = 0
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        async with postgres.connection() as conn:
            needed = await retention.need_uploads(conn, [session_id for _, session_id in batch])
        for upload, session_id in batch:
            if session_id not in needed:
                aborted += await _abort(spaces, upload)
    return aborted


async def _abort(spaces: Spaces, upload: OpenUpload) -> bool:
    try:
        await spaces.abort_upload(upload.key, upload.upload_id)
    except StorageError as error:
        logger.warning("upload not aborted", key=upload.key, code=error.code)
        return False
    return True
