"""Removes audio and transcripts of sessions that ended longer ago than the settings keep them."""

import structlog

from voicehub.errors import StorageError
from voicehub.sinks.summary import RecordingState
from voicehub.storage import retention
from voicehub.storage.erasure import erase_audio
from voicehub.storage.postgres import Postgres
from voicehub.storage.spaces import Spaces

# Rows are looked through this many ids at a time, so that no statement takes long.
WINDOW_IDS = 10_000

logger = structlog.get_logger(__name__)


async def apply_retention(
    postgres: Postgres,
    spaces: Spaces,
    *,
    audio_days: int | None,
    transcript_days: int | None,
) -> int:
    """Remove what is older than so many days; None keeps it. Returns how many things went.

    Raises StorageError when Postgres is away.
    """
    if audio_days is None and transcript_days is None:
        return 0
    async with postgres.connection() as conn:
        last_id = await retention.last_id(conn)
    removed = 0
    for above_id in range(0, last_id, WINDOW_IDS):
        upto_id = above_id + WINDOW_IDS
        if transcript_days is not None:
            async with postgres.connection() as conn:
                removed += await retention.remove_transcripts(
                    conn, above_id, upto_id, transcript_days
                )
        if audio_days is not None:
            async with postgres.connection() as conn:
                old = await retention.with_old_audio(conn, above_id, upto_id, audio_days)
            for team_id, session_id in old:
                removed += await _remove_audio(postgres, spaces, team_id, session_id)
    return removed


async def _remove_audio(postgres: Postgres, spaces: Spaces, team_id: int, session_id: int) -> bool:
    """Everything of the session in Spaces first, then the row: a half of it is done again."""
    try:
        await erase_audio(spaces, team_id, session_id)
        async with postgres.connection() as conn:
            await retention.audio_removed(conn, team_id, session_id, RecordingState.REMOVED)
    except StorageError as error:
        logger.warning("audio not removed", session_id=session_id, code=error.code)
        return False
    return True
