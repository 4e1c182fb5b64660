"""Puts the words of ended sessions into the index, where searches find them."""

from voicehub.storage import session_search
from voicehub.storage.postgres import Postgres

# Their rows are locked together for some milliseconds: a recording's job may wait for them.
AT_ONCE_MAX = 20


async def read_words(postgres: Postgres) -> int:
    """Read what has ended since the last time. Returns the words of how many sessions were read.

    Raises StorageError when Postgres is away.
    """
    count = above_id = 0
    while True:
        async with postgres.connection() as conn:
            found = await session_search.unread(conn, above_id, AT_ONCE_MAX)
            if not found:
                return count
            count += await session_search.read(conn, found)
        above_id = found[-1]
