"""The table `webhook_deliveries`: events on their way. Triggers write them (`sql/schema.sql`)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("webhook_deliveries")

TEST = "webhook.test"
# A status leads to another index, so these are statements of their own.
_OF_STATUS = {
    "page_ascending": "page_of_status_ascending",
    "page_descending": "page_of_status_descending",
}


class DeliveryStatus(StrEnum):
    """`webhook_deliveries.status`."""

    PENDING = "pending"  # to be sent, or under way
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; it may be replayed


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    team_id: int
    endpoint_id: int
    event_id: str
    event_type: str
    payload: dict[str, Any]  # what the event's kind has
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a delivery. Its number is the proof that nobody else took it since."""

    id: int
    team_id: int
    endpoint_id: int
    event_id: str
    event_type: str
    payload: dict[str, Any]
    attempts: int
    url: str = field(repr=False)
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    """Where it still signs."""


async def claim(
    conn: Connection,
    limit: int,
    *,
    per_endpoint: int,
    under_way: Sequence[int],
    life_s: float,
) -> list[Claim]:
    """Take up to `limit` that are due for `life_s`.

    `under_way` names the endpoint of each that the worker has already: no endpoint gets more than
    `per_endpoint` with them, and one that is failing no more than one.
    """
    records = await conn.fetch(_SQL["claim"], limit, per_endpoint, under_way, life_s)
    return [Claim(**record) for record in records]


async def delivered(conn: Connection, claimed: Claim, status: int) -> bool:
    """The endpoint took it. False when somebody else has said so."""
    row = await conn.fetchval(_SQL["delivered"], claimed.id, claimed.attempts, status)
    return row is not None


async def failed(
    conn: Connection,
    claimed: Claim,
    *,
    status: int | None,
    error: str | None,
    wait_s: float | None,
) -> bool:
    """The attempt failed, and the next one comes after `wait_s`, or never. False when it is
    somebody else's by now, or nobody's.
    """
    row = await conn.fetchval(_SQL["failed"], claimed.id, claimed.attempts, status, error, wait_s)
    return row is not None


async def give_up(conn: Connection, team_id: int, endpoint_id: int, error: str) -> None:
    """Nothing of what waits for an endpoint is sent any more."""
    await conn.execute(_SQL["give_up"], team_id, endpoint_id, error)


async def delete_of_endpoint(conn: Connection, team_id: int, endpoint_id: int) -> None:
    await conn.execute(_SQL["delete_of_endpoint"], team_id, endpoint_id)


async def add_test(conn: Connection, team_id: int, endpoint_id: int) -> Delivery:
    """An event that tells of nothing, for an endpoint that is locked."""
    number = uuid.uuid4().hex
    told = {"endpoint_id": endpoint_id}
    record = await conn.fetchrow(
        _SQL["add"], team_id, endpoint_id, f"evt_{number}", TEST, f"{TEST}:{number}", told
    )
    assert record is not None, "INSERT ... RETURNING gives its row"
    return _delivery(record)


async def get(conn: Connection, team_id: int, delivery_id: int) -> Delivery | None:
    record = await conn.fetchrow(_SQL["get"], team_id, delivery_id)
    return _delivery(record) if record else None


async def replay(conn: Connection, team_id: int, delivery_id: int) -> Delivery | None:
    """Send it again under the same id. None while it is still to be sent anyway."""
    record = await conn.fetchrow(_SQL["replay"], team_id, delivery_id)
    return _delivery(record) if record else None


async def list_page(
    conn: Connection,
    team_id: int,
    endpoint_id: int,
    status: DeliveryStatus | None,
    window: Window,
) -> Page[Delivery]:
    bounds = (team_id, endpoint_id, window.lowest, window.highest, window.rows_max)
    if status is None:
        records = await conn.fetch(_SQL[window.query], *bounds)
    else:
        records = await conn.fetch(_SQL[_OF_STATUS[window.query]], *bounds, status.value)
    return Page.cut(window, [_delivery(record) for record in records])


async def remove_old(
    conn: Connection, above_id: int, limit: int, older_than_s: float
) -> tuple[int | None, int]:
    """Remove what is over and old, of the next `limit` above an id.

    Returns the last id that it looked at, None when younger ones begin there, and how many went.
    """
    record = await conn.fetchrow(_SQL["remove_old"], above_id, limit, older_than_s)
    assert record is not None, "a SELECT of aggregates gives a row"
    return record["upto_id"], record["removed"]


def _delivery(record: Any) -> Delivery:  # asyncpg's record is generic to no purpose here
    return Delivery(**{**record, "status": DeliveryStatus(record["status"])})
