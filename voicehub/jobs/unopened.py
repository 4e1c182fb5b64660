"""Ends sessions that were created and never opened; any worker may, at any time."""

from voicehub.storage import ownership
from voicehub.storage.postgres import Postgres

# A client secret lives for two hours at most: after a day nobody can open the session any more.
UNOPENED_S = 86_400.0
BATCH = 500


async def end_unopened(postgres: Postgres, *, keep_context: bool) -> int:
    """Returns how many were ended. Raises StorageError."""
    ended = 0
    while True:
        async with postgres.connection() as conn:
            count = await ownership.end_unopened(
                conn, older_than_s=UNOPENED_S, limit=BATCH, keep_context=keep_context
            )
        ended += count
        if count < BATCH:
            return ended
