"""The table `audit_entries`: what admins did to a team, or to the platform."""

from dataclasses import dataclass
from datetime import datetime

from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("audit")


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    team_id: int | None
    actor: str
    actor_email: str
    method: str
    route: str
    target: dict[str, str]
    status: int | None  # None: nobody knows how it ended
    request_id: str
    created_at: datetime
    updated_at: datetime


async def add(
    conn: Connection,
    team_id: int | None,
    *,
    actor: str,
    actor_email: str,
    method: str,
    route: str,
    target: dict[str, str],
    request_id: str,
) -> int:
    """Write down what is about to be done. Returns the entry's id."""
    entry_id = await conn.fetchval(
        _SQL["add"], team_id, actor, actor_email, method, route, target, request_id
    )
    return int(entry_id)


async def complete(conn: Connection, entry_id: int, status: int) -> None:
    """How it ended: the status of the answer."""
    await conn.execute(_SQL["complete"], entry_id, status)


async def list_page(conn: Connection, team_id: int, window: Window) -> Page[Entry]:
    records = await conn.fetch(
        _SQL[window.query], team_id, window.lowest, window.highest, window.rows_max
    )
    return Page.cut(window, [Entry(**record) for record in records])


async def list_all(
    conn: Connection, window: Window, *, team_id: int | None = None, actor: str | None = None
) -> Page[Entry]:
    """Over all teams, and what was done to the platform itself."""
    records = await conn.fetch(
        _SQL[window.query_of_all], window.lowest, window.highest, window.rows_max, team_id, actor
    )
    return Page.cut(window, [Entry(**record) for record in records])
