"""Turns billing periods: what was used before the turn stays with the old one, the rest is new."""

import structlog

from voicehub.errors import StorageError
from voicehub.jobs.settle import settle_team
from voicehub.storage import period, quota, subscriptions
from voicehub.storage.period import Period
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.subscriptions import Due, Ended, SubscriptionStatus

# Subscriptions that one run turns; the next run goes on.
BATCH = 500
# A team whose sessions cannot all be settled is turned all the same after this: its next period
# must not wait for a store for ever. What is settled later counts in the new one.
TURN_ANYWAY_S = 300.0
# Redis is told again of turns and changes within this time: whoever made them may have died before
# it told, or told at the same moment as another who had read what was before.
RETELL_S = 120.0

logger = structlog.get_logger(__name__)


async def turn_periods(postgres: Postgres, redis: Redis) -> int:
    """Turn every subscription whose period has ended. Returns how many this run turned.

    Raises StorageError when Postgres is away, or Redis could not be told.
    """
    async with postgres.connection() as conn:
        ended = await subscriptions.ended(conn, BATCH)
    turned, waiting = 0, 0
    for each in ended:
        is_settled = await settle_team(postgres, redis, each.team_id)
        if not is_settled and each.ended_s_ago < TURN_ANYWAY_S:
            waiting += 1
            continue
        try:
            turned += await _turn_one(postgres, redis, each)
        except StorageError:
            raise
        except Exception:
            # A row that nobody expected: the other teams' periods turn all the same.
            logger.exception("billing period cannot be turned", subscription_id=each.id)
    async with postgres.connection() as conn:
        for team_id in await subscriptions.changed_lately(conn, RETELL_S):
            await quota.retell(redis, conn, team_id)
    if waiting:
        raise StorageError(f"{waiting} billing periods wait for what their sessions used.")
    return turned


async def _turn_one(postgres: Postgres, redis: Redis, ended: Ended) -> bool:
    """All that the team's sessions had booked is settled.

    They book on meanwhile: that is used after the period's end, so it belongs to the next.
    """
    async with postgres.transaction() as conn:
        due = await subscriptions.lock_due(conn, ended.team_id, ended.id)
        if due is None:
            return False  # another worker was quicker
        following = next_period(due)
        if following is None:
            status = final_status(due)
            await subscriptions.end(conn, due.team_id, due.id, status)
        else:
            status = due.status
            await subscriptions.begin_period(conn, due.team_id, due.id, *following)
    # The row of a period is used again for the next one: this is where the old totals stay.
    logger.info(
        "billing period turned",
        subscription_id=due.id,
        team_id=due.team_id,
        status=status.value,
        period_end=due.current_period_end.isoformat(),
        audio_tokens=str(due.total_audio_tokens_used),
        text_tokens=str(due.total_text_tokens_used),
    )
    await quota.tell(postgres, redis, [due.team_id])
    return True


def final_status(due: Due) -> SubscriptionStatus:
    """What becomes of a subscription that has no next period."""
    if due.cancel_at_period_end:
        return SubscriptionStatus.CANCELLED
    return SubscriptionStatus.EXPIRED


def next_period(due: Due) -> Period | None:
    """The period that holds the present, or None where the subscription ends.

    It ends when it was cancelled, when its plan is gone, or when nobody can say how long a period
    is. Periods that passed while no worker ran are passed over: nothing was used in them.
    """
    start, end = due.current_period_start, due.current_period_end
    if due.cancel_at_period_end or not due.has_plan or start is None or start >= end:
        return None
    return period.following(start, end, due.now)
