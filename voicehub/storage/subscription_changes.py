"""The table `subscription_changes`: what was done to a team's subscription, by whom and why."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("subscription_changes")


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    id: int
    subscription_id: int
    actor: str
    change: str
    plan_name: str
    audio_tokens: Decimal
    text_tokens: Decimal
    reason: str | None
    created_at: datetime


async def list_page(
    conn: Connection, team_id: int, subscription_id: int, window: Window
) -> Page[SubscriptionChange]:
    """Those of one subscription of the team."""
    records = await conn.fetch(
        _SQL[window.query],
        team_id,
        subscription_id,
        window.lowest,
        window.highest,
        window.rows_max,
    )
    return Page.cut(window, [SubscriptionChange(**record) for record in records])
