"""Removes what was erased from Spaces, where that was away or more has come; any worker may."""

import structlog

from voicehub.errors import StorageError
from voicehub.storage import erasure
from voicehub.storage.postgres import Postgres
from voicehub.storage.spaces import Spaces

BATCH = 200  # of one run; the others wait for the next

logger = structlog.get_logger(__name__)


async def erase_audio(postgres: Postgres, spaces: Spaces) -> int:
    """Returns for how many sessions Spaces was looked through. Raises StorageError when a store is
    away.
    """
    async with postgres.connection() as conn:
        found = await erasure.due(conn, BATCH)
    if found:
        await spaces.ping()  # an outage costs one request, not some for each session
    swept = 0
    for team_id, session_id in found:
        try:
            await erasure.sweep(postgres, spaces, team_id, session_id)
        except StorageError as error:
            logger.warning("erased audio not removed", session_id=session_id, code=error.code)
        else:
            swept += 1
    return swept
