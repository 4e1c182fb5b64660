"""The table `subscriptions`, each row with the limits of its plan. Their sums are settlement's."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("subscriptions")


@dataclass(frozen=True, slots=True)
class Subscription:
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


async def current(conn: Connection, team_id: int) -> Subscription | None:
    """The subscription that covers this moment; the latest where several do."""
    record = await conn.fetchrow(_SQL["current"], team_id)
    return Subscription(**record) if record else None
