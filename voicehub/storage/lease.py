"""The lease of a session in Redis: who owns it now, and the fencing token that proves it."""

from voicehub.storage.lines import fence_key
from voicehub.storage.redis import Redis, team_key

# A lease that is not renewed for this long is lost; it is renewed three times as often.
LEASE_MS = 15_000
RENEW_EVERY_S = 5.0
# The fence outlives every write that an old owner may still have on its way.
FENCE_MS = 7 * 24 * 3600 * 1000


def _lease_key(team_id: int, session_id: int) -> str:
    return team_key(team_id, "session", session_id, "lease")


async def hold(redis: Redis, team_id: int, session_id: int, token: int, owner: str) -> None:
    """Take or renew the lease; safe to repeat. Raises FencedError, StorageError."""
    await redis.run(
        "hold_lease",
        [_lease_key(team_id, session_id), fence_key(team_id, session_id)],
        [token, owner, LEASE_MS, FENCE_MS],
    )


async def release(redis: Redis, team_id: int, session_id: int, token: int) -> None:
    """Give the lease back; a newer owner's stays. Raises StorageError."""
    await redis.run(
        "release_lease",
        [_lease_key(team_id, session_id), fence_key(team_id, session_id)],
        [token],
    )
