"""The table `team`."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from voicehub.errors import ConflictError
from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load
from voicehub.storage.references import COUNT_MAX, refuse_while_referred

_SQL = load("teams")


@dataclass(frozen=True, slots=True)
class Team:
    id: int
    label: str
    name: str
    created_at: datetime
    updated_at: datetime


async def get(conn: Connection, team_id: int) -> Team | None:
    record = await conn.fetchrow(_SQL["get"], team_id)
    return Team(**record) if record else None


async def list_all(conn: Connection, window: Window, name_prefix: str | None = None) -> Page[Team]:
    """A page of the platform's teams."""
    records = await conn.fetch(
        _SQL[window.query_of_all], window.lowest, window.highest, window.rows_max, name_prefix
    )
    return Page.cut(window, [Team(**record) for record in records])


async def create(conn: Connection, name: str, label: str) -> Team:
    """Raises ConflictError for a name that another team has."""
    record = await conn.fetchrow(_SQL["insert"], name, label)
    if record is None:
        raise _name_taken()
    return Team(**record)


async def lock_for_update(conn: Connection, team_id: int) -> Team | None:
    """The team, which nobody else changes until the transaction ends."""
    record = await conn.fetchrow(_SQL["lock_for_update"], team_id)
    return Team(**record) if record else None


async def update(conn: Connection, team_id: int, *, name: str, label: str) -> Team:
    """Change a locked team. Raises ConflictError for a name that another team has."""
    try:
        record = await conn.fetchrow(_SQL["update"], team_id, name, label)
    except asyncpg.UniqueViolationError:
        raise _name_taken() from None
    assert record is not None, "the row is locked"
    return Team(**record)


async def delete(conn: Connection, team_id: int) -> bool:
    """Inside a transaction: whether the team was there. Raises ConflictError while it has rows.

    What was done to it stays in the audit.
    """
    if await conn.fetchval(_SQL["lock_for_delete"], team_id) is None:
        return False
    counts = await conn.fetchrow(_SQL["count_referrers"], team_id, COUNT_MAX + 1)
    refuse_while_referred("The team", counts)
    await conn.execute(_SQL["delete"], team_id)
    return True


async def lock_for_reference(conn: Connection, team_id: int) -> bool:
    """Whether the team exists; it then cannot be deleted until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_reference"], team_id) is not None


async def lock_for_session(conn: Connection, team_id: int) -> bool:
    """Whether the team exists; it is then locked until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_session"], team_id) is not None


def _name_taken() -> ConflictError:
    return ConflictError("Another team has this name.", code="name_taken", param="name")
