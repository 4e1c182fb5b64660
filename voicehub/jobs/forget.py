"""Forgets what is kept for a time only: the answers to requests with an Idempotency-Key."""

from voicehub.storage import idempotency
from voicehub.storage.postgres import Postgres

# Who repeats a request does so within minutes; after a day its key means a new request.
KEPT_S = 86_400.0
BATCH = 1000


async def forget_keys(postgres: Postgres) -> int:
    """Returns how many were forgotten. Raises StorageError."""
    forgotten = 0
    while True:
        async with postgres.connection() as conn:
            count = await idempotency.forget(conn, older_than_s=KEPT_S, limit=BATCH)
        forgotten += count
        if count < BATCH:
            return forgotten
