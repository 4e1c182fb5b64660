"""Settles what live sessions have used, whoever owns them; may run twice, anywhere, at any time."""

from collections.abc import Sequence

import structlog

from voicehub.errors import NotFoundError, StorageError
from voicehub.storage import settlement, usage
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.settlement import NoSubscriptionError, Unsettled

# Sessions are looked at this many at a time.
BATCH = 500

logger = structlog.get_logger(__name__)


async def settle_all(postgres: Postgres, redis: Redis) -> int:
    """Settle what Redis has booked of every session that runs, is paused, or ended lately.

    Returns how many had something. One that fails keeps no other back and is left for the next run.
    Raises StorageError, at the end, when a store did not answer for one of them.
    """
    settled, failed, last_id = 0, 0, 0
    while True:
        async with postgres.connection() as conn:
            found = await settlement.unsettled(conn, last_id, BATCH)
        counts = await _settle_each(postgres, redis, found)
        settled, failed = settled + counts[0], failed + counts[1]
        if len(found) < BATCH:
            break
        last_id = found[-1].session_id
    if failed:
        raise StorageError(f"{failed} sessions could not be settled, {settled} were.")
    return settled


async def settle_team(postgres: Postgres, redis: Redis, team_id: int) -> bool:
    """Settle all that Redis has booked of a team's sessions. Returns whether nothing is left.

    Raises StorageError when Postgres is away.
    """
    async with postgres.connection() as conn:
        found = await settlement.unsettled_of(conn, team_id)
    return (await _settle_each(postgres, redis, found))[1] == 0


async def _settle_each(
    postgres: Postgres, redis: Redis, sessions: Sequence[Unsettled]
) -> tuple[int, int]:
    """How many had something, and how many could not be settled now."""
    settled, failed = 0, 0
    for session in sessions:
        try:
            settled += await _settle_one(postgres, redis, session)
        except (NoSubscriptionError, NotFoundError) as error:
            # No store's fault: it waits for a subscription, or its row was deleted.
            logger.warning("session not settled", session_id=session.session_id, code=error.code)
        except StorageError:
            failed += 1
        except Exception:
            # A row that nobody expected: the others are settled all the same.
            logger.exception("session cannot be settled", session_id=session.session_id)
            failed += 1
    return settled, failed


async def _settle_one(postgres: Postgres, redis: Redis, session: Unsettled) -> bool:
    team_id, session_id = session.team_id, session.session_id
    booked = await usage.booked(redis, team_id, session_id)
    if booked is None:
        return False
    async with postgres.connection() as conn:
        settled = await settlement.settle(conn, team_id, session_id, booked)
    await usage.mark_settled(redis, team_id, session_id, settled, finished=session.has_ended)
    return True
