"""Settles what live sessions have used, whoever owns them; may run twice, anywhere, at any time."""

import structlog

from voicehub.errors import NotFoundError, StorageError
from voicehub.storage import settlement, usage
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.settlement import Unsettled

# Sessions are looked at this many at a time.
BATCH = 500

logger = structlog.get_logger(__name__)


async def settle_all(postgres: Postgres, redis: Redis) -> int:
    """Settle what Redis has booked of every session that runs, is paused, or ended lately.

    Returns how many had something. One that fails is left for the next run. Raises StorageError
    when Postgres is away.
    """
    settled = 0
    last_id = 0
    while True:
        async with postgres.connection() as conn:
            found = await settlement.unsettled(conn, last_id, BATCH)
        for session in found:
            try:
                settled += await _settle_one(postgres, redis, session)
            except (StorageError, NotFoundError) as error:
                logger.warning(
                    "session not settled", session_id=session.session_id, code=error.code
                )
        if len(found) < BATCH:
            return settled
        last_id = found[-1].session_id


async def _settle_one(postgres: Postgres, redis: Redis, session: Unsettled) -> bool:
    team_id, session_id = session.team_id, session.session_id
    booked = await usage.booked(redis, team_id, session_id)
    if booked is None:
        return False
    async with postgres.connection() as conn:
        settled = await settlement.settle(conn, team_id, session_id, booked)
    await usage.mark_settled(redis, team_id, session_id, settled, finished=session.has_ended)
    return True
