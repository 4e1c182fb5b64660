"""What is done to a team's subscription: taken, changed, cancelled, reactivated, corrected.

Each is a transaction that locks the team first, then the plan, then the subscription. So a team has
one that is not over, at most; and settlement, which locks the subscription, charges the right one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from voicehub.errors import ConflictError, ForbiddenError, NotFoundError
from voicehub.storage import period, plans, subscriptions, teams
from voicehub.storage.period import Interval, Period
from voicehub.storage.plans import Plan
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load
from voicehub.storage.subscriptions import SubscriptionRow, SubscriptionStatus, sources_of

_SQL = load("subscribing")

NOTHING = Decimal(0)
# The worker turns what has ended this often.
TURN_RETRY_S = 10


class Change(StrEnum):
    """`subscription_changes.change`."""

    CREATED = "created"
    PLAN_CHANGED = "plan_changed"
    CANCELLED = "cancelled"
    CANCELLED_AT_END = "cancelled_at_end"
    REACTIVATED = "reactivated"
    ADJUSTED = "adjusted"


@dataclass(frozen=True, slots=True)
class By:
    """Who does it to which team's subscription."""

    team_id: int
    actor: str
    may_pay: bool
    """Whether plans that cost something are theirs to take: nothing here asks for money."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a new subscription begins with."""

    period: Period
    audio_tokens: Decimal = NOTHING
    text_tokens: Decimal = NOTHING


def beginning(
    before: SubscriptionRow | None, interval: Interval | None, now: datetime
) -> Beginning:
    """A period from now; or, within the period of the one `before`, that period and its totals.

    Otherwise who cancels and subscribes anew would have the plan's tokens twice. Another interval
    counts from the same start.
    """
    start, end = (
        (before.current_period_start, before.current_period_end) if before else (None, None)
    )
    if before is None or (end is not None and end <= now):
        return Beginning(period.beginning(now, interval or Interval.MONTH, now))
    if (
        start is not None
        and start <= now
        and end is not None
        # From its own start it might end earlier: one of the 31st began on the 30th.
        and (interval is None or period.lasts(start, end, interval))
    ):
        carried = (start, end)
    else:
        began = min(start or now, now)
        carried = period.beginning(began, interval or Interval.MONTH, now)
    return Beginning(carried, before.total_audio_tokens_used, before.total_text_tokens_used)


async def create(
    conn: Connection, by: By, plan_id: int, interval: Interval | None
) -> SubscriptionRow:
    """Take a plan. Raises NotFoundError, ForbiddenError, ConflictError."""
    async with conn.transaction():
        plan = await _lock(conn, by, plan_id)
        # In a statement of its own, after the team's lock: it sees what others have just taken.
        records = await conn.fetch(_SQL["lock_before"], by.team_id)
        now: datetime = await conn.fetchval(_SQL["clock"])
        before = [SubscriptionRow(**each) for each in records]
        _refuse_beside(before, now)
        begins = beginning(before[-1] if before else None, interval, now)
        subscription_id: int = await conn.fetchval(
            _SQL["insert"],
            by.team_id,
            plan.id,
            _status_on(plan).value,
            begins.audio_tokens,
            begins.text_tokens,
            *begins.period,
        )
        await _note(conn, by, subscription_id, Change.CREATED, plan.id)
        return await _row(conn, by, subscription_id)


async def change_plan(
    conn: Connection, by: By, subscription_id: int, plan_id: int
) -> SubscriptionRow:
    """Another plan at once; the period and what is used stay.

    Raises NotFoundError, ForbiddenError, ConflictError.
    """
    async with conn.transaction():
        plan = await _lock(conn, by, plan_id)
        before = await _lock_one(conn, by, subscription_id)
        if before.is_over:
            raise _over(before)
        if before.plan_id == plan.id:
            return before
        status = _status_on(plan)
        changed = await conn.fetchval(
            _SQL["change_plan"], by.team_id, before.id, plan.id, status.value, sources_of(status)
        )
        if changed is None:
            raise _over(before)
        await _note(conn, by, before.id, Change.PLAN_CHANGED, plan.id)
        return await _row(conn, by, before.id)


async def cancel(
    conn: Connection, by: By, subscription_id: int, *, at_period_end: bool
) -> SubscriptionRow:
    """Now, or when the period ends. Raises NotFoundError, ConflictError."""
    async with conn.transaction():
        await _lock_team(conn, by)
        before = await _lock_one(conn, by, subscription_id)
        if before.is_over:
            raise _over(before)
        if at_period_end:
            if before.current_period_end is None:
                raise ConflictError(
                    "The subscription's period has no end: cancel it at once.", code="no_period_end"
                )
            await conn.execute(_SQL["cancel_at_end"], by.team_id, before.id)
            change = Change.CANCELLED_AT_END
        else:
            await subscriptions.end(conn, by.team_id, before.id, SubscriptionStatus.CANCELLED)
            change = Change.CANCELLED
        await _note(conn, by, before.id, change, before.plan_id)
        return await _row(conn, by, before.id)


async def reactivate(conn: Connection, by: By, subscription_id: int) -> SubscriptionRow:
    """Let one go on that was to end with its period. Raises NotFoundError, ConflictError."""
    async with conn.transaction():
        await _lock_team(conn, by)
        before = await _lock_one(conn, by, subscription_id)
        if not before.is_over and not before.cancel_at_period_end:
            return before
        changed = await conn.fetchval(_SQL["reactivate"], by.team_id, before.id)
        if changed is None:
            raise _over(before)
        await _note(conn, by, before.id, Change.REACTIVATED, before.plan_id)
        return await _row(conn, by, before.id)


async def adjust(
    conn: Connection, by: By, subscription_id: int, audio: Decimal, text: Decimal, reason: str
) -> SubscriptionRow:
    """Correct what the period has used; a credit takes off no more than there is.

    Raises NotFoundError, ConflictError.
    """
    async with conn.transaction():
        await _lock_team(conn, by)
        before = await _lock_one(conn, by, subscription_id)
        if await conn.fetchval(_SQL["adjust"], by.team_id, before.id, audio, text) is None:
            raise _over(before)
        after = await _row(conn, by, before.id)
        await _note(
            conn,
            by,
            before.id,
            Change.ADJUSTED,
            before.plan_id,
            audio=after.total_audio_tokens_used - before.total_audio_tokens_used,
            text=after.total_text_tokens_used - before.total_text_tokens_used,
            reason=reason,
        )
        return after


def _refuse_beside(before: Sequence[SubscriptionRow], now: datetime) -> None:
    """Raise ConflictError where one is not over."""
    alive = [each.current_period_end for each in before if not each.is_over]
    if not alive:
        return
    if all(end is not None and end <= now for end in alive):
        raise ConflictError(
            "The last subscription's period has ended: it is about to renew, or to be over.",
            code="subscription_exists",
            retry_after_s=TURN_RETRY_S,
        )
    raise ConflictError(
        "The team has a subscription: change its plan, or cancel it.", code="subscription_exists"
    )


async def _lock(conn: Connection, by: By, plan_id: int) -> Plan:
    await _lock_team(conn, by)
    plan = await plans.lock_for_reference(conn, plan_id)
    if plan is None:
        raise NotFoundError("There is no such plan.", param="plan_id")
    if not plan.is_free and not by.may_pay:
        raise ForbiddenError(
            "Plans that cost something are given by the platform's admins.",
            code="plan_not_free",
            param="plan_id",
        )
    return plan


async def _lock_team(conn: Connection, by: By) -> None:
    if await teams.lock_for_update(conn, by.team_id) is None:
        raise NotFoundError("There is no such team.")


async def _lock_one(conn: Connection, by: By, subscription_id: int) -> SubscriptionRow:
    record = await conn.fetchrow(_SQL["lock"], by.team_id, subscription_id)
    if record is None:
        raise NotFoundError("There is no such subscription.")
    return SubscriptionRow(**record)


async def _row(conn: Connection, by: By, subscription_id: int) -> SubscriptionRow:
    row = await subscriptions.get(conn, by.team_id, subscription_id)
    assert row is not None, "it is locked"
    return row


async def _note(
    conn: Connection,
    by: By,
    subscription_id: int,
    change: Change,
    plan_id: int,
    *,
    audio: Decimal = NOTHING,
    text: Decimal = NOTHING,
    reason: str | None = None,
) -> None:
    await conn.execute(
        _SQL["add_change"],
        by.team_id,
        subscription_id,
        by.actor,
        change.value,
        plan_id,
        audio,
        text,
        reason,
    )


def _status_on(plan: Plan) -> SubscriptionStatus:
    return SubscriptionStatus.FREE if plan.is_free else SubscriptionStatus.ACTIVE


def _over(row: SubscriptionRow) -> ConflictError:
    return ConflictError(
        f"The subscription is {row.status if row.is_over else 'at its end'}: subscribe anew.",
        code="subscription_over",
    )
