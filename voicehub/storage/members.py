"""The table `users` as teams and admins see it: nothing that proves who somebody is leaves it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from voicehub.errors import ConflictError
from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load
from voicehub.storage.references import COUNT_MAX, refuse_while_referred

_SQL = load("members")

# RFC 2606 section 2: no address there ever exists, so nobody gets mail or signs in by one.
NOWHERE = "invalid"
_NOBODY = "Deleted user"


@dataclass(frozen=True, slots=True)
class Member:
    """A user of a team."""

    id: int
    team_id: int
    email: str
    display_name: str
    has_password: bool
    has_google: bool
    settings: dict[str, Any]  # the user's own JSON
    created_at: datetime
    updated_at: datetime


async def get(conn: Connection, team_id: int, user_id: int) -> Member | None:
    return _member(await conn.fetchrow(_SQL["get"], team_id, user_id))


async def list_page(
    conn: Connection, team_id: int, window: Window, email: str | None = None
) -> Page[Member]:
    records = await conn.fetch(
        _SQL[window.query], team_id, window.lowest, window.highest, window.rows_max, email
    )
    return Page.cut(window, [Member(**record) for record in records])


async def list_all(conn: Connection, window: Window, email: str | None = None) -> Page[Member]:
    """Over all teams."""
    records = await conn.fetch(
        _SQL[window.query_of_all], window.lowest, window.highest, window.rows_max, email
    )
    return Page.cut(window, [Member(**record) for record in records])


async def create(
    conn: Connection, team_id: int, *, email: str, display_name: str, password_hash: str | None
) -> Member:
    """Inside a transaction that holds the team. Raises ConflictError for an address it has."""
    row = await conn.fetchrow(_SQL["insert"], team_id, email, display_name, password_hash)
    member = _member(row)
    if member is None:
        raise _email_taken()
    return member


async def lock_for_update(conn: Connection, team_id: int, user_id: int) -> Member | None:
    """The user, whom nobody else changes until the transaction ends."""
    return _member(await conn.fetchrow(_SQL["lock_for_update"], team_id, user_id))


async def update(
    conn: Connection,
    team_id: int,
    user_id: int,
    *,
    email: str,
    display_name: str,
    settings: dict[str, Any],  # any JSON object
) -> Member:
    """Change a locked user. Raises ConflictError for an address that another of the team has."""
    try:
        row = await conn.fetchrow(_SQL["update"], team_id, user_id, email, display_name, settings)
    except asyncpg.UniqueViolationError:
        raise _email_taken() from None
    member = _member(row)
    assert member is not None, "the row is locked"
    return member


async def anonymize(conn: Connection, team_id: int, user_id: int) -> Member | None:
    """Remove the person from the row, which stays for what refers to it. Twice is once."""
    email = f"deleted-{user_id}@{NOWHERE}"
    return _member(await conn.fetchrow(_SQL["anonymize"], team_id, user_id, email, _NOBODY))


async def delete(conn: Connection, team_id: int, user_id: int) -> bool:
    """Inside a transaction: whether the user was there. Raises ConflictError while rows refer."""
    if await conn.fetchval(_SQL["lock_for_delete"], team_id, user_id) is None:
        return False
    counts = await conn.fetchrow(_SQL["count_referrers"], user_id, COUNT_MAX + 1)
    refuse_while_referred("The user", counts, "Anonymize who must go: the rows then stay whole.")
    await conn.execute(_SQL["delete"], team_id, user_id)
    return True


def _member(record: asyncpg.Record | None) -> Member | None:
    return Member(**record) if record else None


def _email_taken() -> ConflictError:
    return ConflictError(
        "Another user of the team has this address.", code="email_taken", param="email"
    )
