"""The lease of a session in Redis: who owns it now, and the fencing token that proves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicehub.storage.lines import fence_key
from voicehub.storage.redis import Redis, team_key

# A lease that is not renewed for this long is lost; it is renewed four times as often.
LEASE_MS = 12_000
RENEW_EVERY_S = 3.0
# Leases are read this many at a time, each time in one message.
READ_AT_ONCE_MAX = 1000
# The fence outlives every write that an old owner may still have on its way.
FENCE_MS = 7 * 24 * 3600 * 1000
# A wish that no owner has heard within this time is forgotten.
WISH_MS = 15_000


class Wish(StrEnum):
    """What somebody may ask of the owner of a session."""

    PAUSE = "pause"
    END = "end"
    END_BY_ADMIN = "end_by_admin"


@dataclass(frozen=True, slots=True)
class Held:
    """What the owner learns as it renews its lease."""

    was_known: bool
    """Whether Redis knew of the session; if not, it was emptied, or the session is new."""
    wish: Wish | None


def _lease_key(team_id: int, session_id: int) -> str:
    return team_key(team_id, "session", session_id, "lease")


def _wish_key(team_id: int, session_id: int) -> str:
    return team_key(team_id, "session", session_id, "wish")


async def hold(redis: Redis, team_id: int, session_id: int, token: int, owner: str) -> Held:
    """Take or renew the lease; safe to repeat. Raises FencedError, StorageError."""
    session = (team_id, session_id)
    known, wish = await redis.run(
        "hold_lease",
        [_lease_key(*session), fence_key(*session), _wish_key(*session)],
        [token, owner, LEASE_MS, FENCE_MS],
    )
    return Held(bool(known), Wish(wish.decode()) if wish else None)


async def wish(redis: Redis, team_id: int, session_id: int, wished: Wish) -> None:
    """Tell the owner, whoever it is: it hears of it as it renews its lease.

    Raises StorageError.
    """
    key = _wish_key(team_id, session_id)
    await redis.within_deadline(redis.client.set(key, wished.value, px=WISH_MS))


async def held(redis: Redis, sessions: Sequence[tuple[int, int]]) -> set[int]:
    """Which of the sessions (team, session) have a lease that has not run out.

    Raises StorageError: then nothing is known of any of them.
    """
    found: set[int] = set()
    for start in range(0, len(sessions), READ_AT_ONCE_MAX):
        batch = sessions[start : start + READ_AT_ONCE_MAX]
        # Plain GETs without a transaction: a cluster's client sends each to its own node.
        pipeline = redis.client.pipeline(transaction=False)
        for team_id, session_id in batch:
            pipeline.get(_lease_key(team_id, session_id))
        leases = await redis.within_deadline(pipeline.execute())
        found |= {session_id for (_, session_id), lease in zip(batch, leases, strict=True) if lease}
    return found


async def renewed_s_ago(redis: Redis, team_id: int, session_id: int) -> float | None:
    """How long ago an owner last showed that it lives; None where nobody knows.

    The fence is set anew with each renewal: what its life lacks is the time since. Raises
    StorageError.
    """
    left_ms = await redis.within_deadline(redis.client.pttl(fence_key(team_id, session_id)))
    return max(0, FENCE_MS - int(left_ms)) / 1000 if left_ms > 0 else None


async def release(redis: Redis, team_id: int, session_id: int, token: int) -> None:
    """Give the lease back; a newer owner's stays. Raises StorageError."""
    await redis.run(
        "release_lease",
        [_lease_key(team_id, session_id), fence_key(team_id, session_id)],
        [token, 0],
    )


async def leave(
    redis: Redis, team_id: int, session_id: int, token: int, *, grace_ms: float
) -> None:
    """Nobody owns the session from now on, and for `grace_ms` nobody ends it: its client may come
    back. Raises StorageError.
    """
    await redis.run(
        "release_lease",
        [_lease_key(team_id, session_id), fence_key(team_id, session_id)],
        [token, max(1, round(grace_ms))],
    )
