"""What a team has left: plan maximum - settled - live, counted in one Redis hash a team."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import structlog

from voicehub.errors import QuotaError, StorageError
from voicehub.session.metering import MILLION
from voicehub.storage import subscriptions
from voicehub.storage.postgres import Connection, Postgres
from voicehub.storage.redis import Redis, team_key
from voicehub.storage.subscriptions import Subscription

# More than four million million tokens: a plan that says more is as good as unlimited. Half of what
# Redis counts to. Lua has doubles: from nine thousand million tokens on they leave out parts of a
# token, at most a thousandth; what is settled stays exact in Postgres.
MILLIONTHS_MAX = 2**62
# What Redis holds as the period of a team without a subscription.
NO_PERIOD = "none"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """Amounts in millionths of a token; they may be below zero."""

    audio_left: int
    text_left: int
    audio_max: int = 0
    """What the plan holds; 0 for a team without one."""
    text_max: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether either kind of token is used up."""
        return self.audio_left <= 0 or self.text_left <= 0


def quota_key(team_id: int) -> str:
    """The hash that holds a team's limits, what its period used, and what is live."""
    return team_key(team_id, "quota")


def period_key(subscription_id: int, period_start_s: float | None, adjustments: int = 0) -> str:
    """Names a billing period, so that use of one is never taken for use of the next.

    After an adjustment it has another name: of one name only the greatest use counts.
    """
    return f"{subscription_id}@{int(period_start_s or 0)}" + (
        f"+{adjustments}" if adjustments else ""
    )


def in_millionths(amount: Decimal | None) -> int:
    """A column's tokens in millionths, rounded down; at most what Redis may hold."""
    return min(int((amount or Decimal(0)) * MILLION), MILLIONTHS_MAX)


async def require(redis: Redis, conn: Connection, team_id: int) -> None:
    """Raise QuotaError unless the team has tokens of both kinds left.

    Without Redis only what is settled counts: the sessions themselves go on checking.
    """
    subscription = await _current(conn, team_id)
    try:
        left = await _tell(redis, team_id, subscription)
    except StorageError:
        left = _unsettled(subscription)
    if left.exhausted:
        raise QuotaError("The team's plan is used up.")


async def refresh(redis: Redis, conn: Connection, team_id: int) -> Quota:
    """Read the team's subscription, tell Redis, and return what is left.

    Raises QuotaError when no subscription covers this moment, StorageError.
    """
    return await _tell(redis, team_id, await _current(conn, team_id))


async def retell(redis: Redis, conn: Connection, team_id: int) -> None:
    """Tell Redis of the team's subscription, also that it has none: its sessions then end.

    Raises StorageError.
    """
    subscription = await subscriptions.current(conn, team_id)
    if subscription is not None:
        await _tell(redis, team_id, subscription)
    else:
        await redis.run("set_limits", [quota_key(team_id)], [NO_PERIOD, 0, 0, 0, 0])


async def tell(postgres: Postgres, redis: Redis, team_ids: Iterable[int]) -> None:
    """Retell after a change that is committed: it stands, whatever becomes of this.

    Where a store is away the worker's next runs repeat it, and so does each connect.
    """
    for team_id in team_ids:
        try:
            async with postgres.connection() as conn:
                await retell(redis, conn, team_id)
        except StorageError as error:
            logger.warning("live counter not told of a change", team_id=team_id, code=error.code)
            return


@dataclass(frozen=True, slots=True)
class Live:
    """What a team's sessions have booked and nobody has settled yet, in tokens."""

    audio_tokens: Decimal
    text_tokens: Decimal


async def live(redis: Redis, team_id: int) -> Live:
    """Tokens in flight are part of it. Raises StorageError."""
    # The client's types leave open what HMGET answers; here it is bytes or None for each.
    counted = cast(
        "list[bytes | None]",
        await redis.within_deadline(
            redis.client.hmget(quota_key(team_id), ["live_audio", "live_text"])
        ),
    )
    # Where Redis forgot a session's bookings, the difference may be below zero for a moment.
    audio, text = (max(Decimal(0), Decimal(int(each or 0)) / MILLION) for each in counted)
    return Live(audio, text)


async def settled(conn: Connection, team_id: int) -> Quota:
    """What is left by Postgres alone. Raises QuotaError when no subscription covers this moment."""
    return _unsettled(await _current(conn, team_id))


def _unsettled(subscription: Subscription) -> Quota:
    return Quota(
        in_millionths(subscription.max_audio_tokens - subscription.total_audio_tokens_used),
        in_millionths(subscription.max_text_tokens - subscription.total_text_tokens_used),
        in_millionths(subscription.max_audio_tokens),
        in_millionths(subscription.max_text_tokens),
    )


async def _current(conn: Connection, team_id: int) -> Subscription:
    subscription = await subscriptions.current(conn, team_id)
    if subscription is None:
        raise QuotaError("The team has no current subscription.")
    return subscription


async def _tell(redis: Redis, team_id: int, subscription: Subscription) -> Quota:
    start = subscription.current_period_start
    audio_max = in_millionths(subscription.max_audio_tokens)
    text_max = in_millionths(subscription.max_text_tokens)
    audio, text = await redis.run(
        "set_limits",
        [quota_key(team_id)],
        [
            period_key(
                subscription.id, start.timestamp() if start else None, subscription.adjustments
            ),
            audio_max,
            text_max,
            in_millionths(subscription.total_audio_tokens_used),
            in_millionths(subscription.total_text_tokens_used),
        ],
    )
    return Quota(int(audio), int(text), audio_max, text_max)
