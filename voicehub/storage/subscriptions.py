"""The table `subscriptions`, each row with the limits of its plan. Their sums are settlement's."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("subscriptions")

# A period that ended so lately and goes on counts as current: the worker turns it in seconds.
TURN_WITHIN_S = 600.0


class SubscriptionStatus(StrEnum):
    """`subscriptions.status`. `free` and `active` ones give tokens while their period lasts."""

    FREE = "free"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


# Every transition stands here and nowhere else. What is over begins anew as a new subscription.
TRANSITIONS: dict[SubscriptionStatus, frozenset[SubscriptionStatus]] = {
    SubscriptionStatus.FREE: frozenset(
        {SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELLED, SubscriptionStatus.EXPIRED}
    ),
    SubscriptionStatus.ACTIVE: frozenset(
        {SubscriptionStatus.FREE, SubscriptionStatus.CANCELLED, SubscriptionStatus.EXPIRED}
    ),
    SubscriptionStatus.CANCELLED: frozenset(),
    SubscriptionStatus.EXPIRED: frozenset(),
}


def sources_of(target: SubscriptionStatus) -> list[str]:
    """The states from which `target` may be reached, for `WHERE status = ANY(...)`."""
    return [source.value for source, targets in TRANSITIONS.items() if target in targets]


@dataclass(frozen=True, slots=True)
class Due:
    """A subscription whose period has ended, locked until the transaction ends."""

    id: int
    team_id: int
    status: SubscriptionStatus
    current_period_start: datetime | None
    current_period_end: datetime
    cancel_at_period_end: bool
    has_plan: bool
    total_audio_tokens_used: Decimal
    total_text_tokens_used: Decimal
    now: datetime
    """When the transaction began, by the clock that says what is current."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A subscription whose period has ended, so long ago."""

    id: int
    team_id: int
    ended_s_ago: float


async def ended(conn: Connection, limit: int) -> list[Ended]:
    """Those whose period has ended and that nobody has turned, the longest ended first."""
    return [Ended(**each) for each in await conn.fetch(_SQL["ended"], limit)]


async def lock_due(conn: Connection, team_id: int, subscription_id: int) -> Due | None:
    """The subscription, if it still is due. Inside a transaction."""
    record = await conn.fetchrow(_SQL["lock_due"], team_id, subscription_id)
    if record is None:
        return None
    return Due(**{**record, "status": SubscriptionStatus(record["status"])})


async def begin_period(
    conn: Connection, team_id: int, subscription_id: int, start: datetime, end: datetime
) -> None:
    """The next period, in which nothing is used yet. The row is locked and due."""
    await conn.execute(_SQL["begin_period"], team_id, subscription_id, start, end)


async def end(
    conn: Connection, team_id: int, subscription_id: int, status: SubscriptionStatus
) -> bool:
    """Whether it could go to `status` from where it was."""
    row = await conn.fetchval(
        _SQL["end"], team_id, subscription_id, status.value, sources_of(status)
    )
    return row is not None


async def changed_lately(conn: Connection, within_s: float) -> list[int]:
    """Teams whose period, subscription or plan became another within so many seconds."""
    return [each["team_id"] for each in await conn.fetch(_SQL["changed_lately"], within_s)]


async def teams_of_plan(conn: Connection, plan_id: int, limit: int) -> list[int]:
    """Up to `limit` teams that have the plan now."""
    return [each["team_id"] for each in await conn.fetch(_SQL["teams_of_plan"], plan_id, limit)]


@dataclass(frozen=True, slots=True)
class Subscription:
    """The current one, with the limits of its plan."""

    id: int
    team_id: int
    plan_id: int
    status: str
    total_audio_tokens_used: Decimal
    total_text_tokens_used: Decimal
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at_period_end: bool
    plan_name: str
    max_audio_tokens: Decimal
    max_text_tokens: Decimal
    adjustments: int
    """How often its totals were corrected in this row's life."""


async def current(conn: Connection, team_id: int) -> Subscription | None:
    """The subscription that covers this moment; the latest where several do."""
    record = await conn.fetchrow(_SQL["current"], team_id, TURN_WITHIN_S)
    return Subscription(**record) if record else None


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as it stands in the table."""

    id: int
    team_id: int
    plan_id: int
    status: str
    total_audio_tokens_used: Decimal
    total_text_tokens_used: Decimal
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at_period_end: bool
    created_at: datetime
    updated_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether no transition leads out of its state."""
        return not TRANSITIONS[SubscriptionStatus(self.status)]


@dataclass(frozen=True, slots=True)
class Filters:
    status: SubscriptionStatus | None = None
    plan_id: int | None = None
    team_id: int | None = None


async def get(conn: Connection, team_id: int, subscription_id: int) -> SubscriptionRow | None:
    record = await conn.fetchrow(_SQL["get"], team_id, subscription_id)
    return SubscriptionRow(**record) if record else None


async def list_page(conn: Connection, team_id: int, window: Window) -> Page[SubscriptionRow]:
    """All that a team has had."""
    records = await conn.fetch(
        _SQL[window.query], team_id, window.lowest, window.highest, window.rows_max
    )
    return Page.cut(window, [SubscriptionRow(**record) for record in records])


async def list_all(conn: Connection, filters: Filters, window: Window) -> Page[SubscriptionRow]:
    """A page of all teams' subscriptions."""
    records = await conn.fetch(
        _SQL[window.query_of_all],
        window.lowest,
        window.highest,
        window.rows_max,
        filters.status,
        filters.plan_id,
        filters.team_id,
    )
    return Page.cut(window, [SubscriptionRow(**record) for record in records])
