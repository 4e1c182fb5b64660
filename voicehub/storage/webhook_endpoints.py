"""The table `webhook_endpoints`: where teams want to hear of what happens, and their secrets."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pybase64

from voicehub.errors import ConflictError, NotFoundError
from voicehub.storage import teams, webhook_deliveries
from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("webhook_endpoints")

EventType = Literal[
    "session.started",
    "session.ended",
    "recording.ready",
    "usage.settled",
    "quota.warning",
    "quota.exhausted",
]
ENDPOINTS_MAX = 10  # of a team; a further one is refused
SECRET_BYTES = 32  # Standard Webhooks wants 24 to 64
ROTATION_S = 24 * 3600.0  # how long the secret before signs as well
# An endpoint that has answered nothing for so long is disabled when a delivery is given up.
FAILING_S = 3 * 24 * 3600.0

GONE = "gone"
FAILING = "failing"
DISABLED = "endpoint_disabled"  # why deliveries of a disabled endpoint are dead


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Without its secrets: those are read where something is signed, and nowhere else."""

    id: int
    team_id: int
    url: str = field(repr=False)  # it may hold a key
    description: str | None
    event_types: list[EventType]
    is_enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


def new_secret() -> str:
    """A secret in the form of Standard Webhooks."""
    return f"whsec_{pybase64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


async def create(
    conn: Connection,
    team_id: int,
    *,
    url: str,
    description: str | None,
    event_types: list[EventType],
    secret: str,
) -> Endpoint:
    """A new endpoint, enabled. Raises NotFoundError, ConflictError at the limit."""
    async with conn.transaction():
        # Two creations of one team wait here for one another, so that the second counts the first.
        if not await teams.lock_for_session(conn, team_id):
            raise NotFoundError("There is no such team.")
        if await conn.fetchval(_SQL["count"], team_id) >= ENDPOINTS_MAX:
            raise ConflictError(
                f"The team has {ENDPOINTS_MAX} endpoints, and that is the limit.",
                code="endpoint_limit_exceeded",
            )
        record = await conn.fetchrow(_SQL["insert"], team_id, url, description, event_types, secret)
    assert record is not None, "INSERT ... RETURNING gives its row"
    return Endpoint(**record)


async def get(conn: Connection, team_id: int, endpoint_id: int) -> Endpoint | None:
    record = await conn.fetchrow(_SQL["get"], team_id, endpoint_id)
    return Endpoint(**record) if record else None


async def lock(conn: Connection, team_id: int, endpoint_id: int) -> Endpoint | None:
    """It stays as it is, and no event is left for it, until the transaction ends."""
    record = await conn.fetchrow(_SQL["lock"], team_id, endpoint_id)
    return Endpoint(**record) if record else None


async def require_enabled(conn: Connection, team_id: int, endpoint_id: int) -> None:
    """It is there, and enabled until the transaction ends. Raises NotFoundError, ConflictError."""
    is_enabled = await conn.fetchval(_SQL["lock_for_reference"], team_id, endpoint_id)
    if is_enabled is None:
        raise NotFoundError("There is no such endpoint.")
    if not is_enabled:
        raise ConflictError("The endpoint is disabled.", code="endpoint_disabled")


async def list_page(conn: Connection, team_id: int, window: Window) -> Page[Endpoint]:
    records = await conn.fetch(
        _SQL[window.query], team_id, window.lowest, window.highest, window.rows_max
    )
    return Page.cut(window, [Endpoint(**record) for record in records])


async def update(
    conn: Connection,
    team_id: int,
    endpoint_id: int,
    *,
    url: str,
    description: str | None,
    event_types: list[EventType],
    is_enabled: bool,
) -> Endpoint:
    """Write a locked endpoint. Of one that is disabled nothing waits any more."""
    record = await conn.fetchrow(
        _SQL["update"], team_id, endpoint_id, url, description, event_types, is_enabled
    )
    assert record is not None, "it is locked"
    if not is_enabled:
        await webhook_deliveries.give_up(conn, team_id, endpoint_id, DISABLED)
    return Endpoint(**record)


async def rotate(conn: Connection, team_id: int, endpoint_id: int, secret: str) -> Endpoint | None:
    """A new secret. Of two rotations within a day only the later one's old secret still signs."""
    record = await conn.fetchrow(_SQL["rotate"], team_id, endpoint_id, secret, ROTATION_S)
    return Endpoint(**record) if record else None


async def delete(conn: Connection, team_id: int, endpoint_id: int) -> bool:
    """The endpoint and all its deliveries. Returns whether it was there."""
    async with conn.transaction():
        if await lock(conn, team_id, endpoint_id) is None:
            return False
        await webhook_deliveries.delete_of_endpoint(conn, team_id, endpoint_id)
        await conn.execute(_SQL["delete"], team_id, endpoint_id)
    return True


async def answered(conn: Connection, team_id: int, endpoint_id: int) -> None:
    """It took a delivery: it is no longer failing."""
    await conn.execute(_SQL["answered"], team_id, endpoint_id)


async def failed(conn: Connection, team_id: int, endpoint_id: int) -> bool:
    """It took no delivery. Returns whether that goes on for too long."""
    return bool(await conn.fetchval(_SQL["failed"], team_id, endpoint_id, FAILING_S))


async def disable(conn: Connection, team_id: int, endpoint_id: int, reason: str) -> bool:
    """Send it nothing more; it is locked. Returns whether this disabled it."""
    if await conn.fetchval(_SQL["disable"], team_id, endpoint_id, reason) is None:
        return False
    await webhook_deliveries.give_up(conn, team_id, endpoint_id, DISABLED)
    return True
