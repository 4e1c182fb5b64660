"""The table `feedbacks`: what users say of a session or an agent; its references are in JSON."""

from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import Any

from voicehub.errors import AuthenticationError, ClientError, NotFoundError
from voicehub.storage import agents, teams, users
from voicehub.storage.page import Page, Window
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("feedbacks")


@dataclass(frozen=True, slots=True)
class Feedback:
    id: int
    team_id: int
    user_id: int
    data: dict[str, Any] = field(repr=False)  # what a user said belongs into no log
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    user_id: int | None = None
    session_id: int | None = None
    rating: int | None = None


async def create(
    conn: Connection,
    team_id: int,
    user_id: int,
    *,
    session_id: int | None,
    agent_id: int | None,
    said: dict[str, Any],  # JSON: `rating`, `comment`, `tags`
) -> Feedback:
    """A row, referring to rows that stay until it is committed.

    Raises AuthenticationError, NotFoundError, and ClientError for an agent who was not in the
    session.
    """
    async with conn.transaction():
        if not await teams.lock_for_reference(conn, team_id):
            raise AuthenticationError("The team of this token is gone.")
        if not await users.lock_for_reference(conn, team_id, user_id):
            raise AuthenticationError("The user of this token is gone.")
        about = await _about(conn, team_id, session_id, agent_id)
        record = await conn.fetchrow(_SQL["insert"], team_id, user_id, about | said)
        assert record is not None, "INSERT ... RETURNING gives its row"
        return Feedback(**record)


async def get(conn: Connection, team_id: int, feedback_id: int) -> Feedback | None:
    record = await conn.fetchrow(_SQL["get"], team_id, feedback_id)
    return Feedback(**record) if record else None


async def list_page(
    conn: Connection, team_id: int, filters: Filters, window: Window
) -> Page[Feedback]:
    records = await conn.fetch(
        _SQL[window.query],
        team_id,
        window.lowest,
        window.highest,
        window.rows_max,
        *astuple(filters),
    )
    return Page.cut(window, [Feedback(**record) for record in records])


async def list_all(conn: Connection, filters: Filters, window: Window) -> Page[Feedback]:
    """Over all teams."""
    records = await conn.fetch(
        _SQL[window.query_of_all],
        window.lowest,
        window.highest,
        window.rows_max,
        *astuple(filters),
    )
    return Page.cut(window, [Feedback(**record) for record in records])


async def lock_for_update(conn: Connection, team_id: int, feedback_id: int) -> Feedback | None:
    """The feedback, which nobody else changes or deletes until the transaction ends."""
    record = await conn.fetchrow(_SQL["lock_for_update"], team_id, feedback_id)
    return Feedback(**record) if record else None


async def update(
    conn: Connection,
    team_id: int,
    feedback_id: int,
    data: dict[str, Any],  # JSON
) -> Feedback:
    """Replace what a locked feedback says. Its references must be those that it had."""
    record = await conn.fetchrow(_SQL["update"], team_id, feedback_id, data)
    assert record is not None, "the row is locked"
    return Feedback(**record)


async def delete(conn: Connection, team_id: int, feedback_id: int) -> None:
    await conn.execute(_SQL["delete"], team_id, feedback_id)


async def _about(
    conn: Connection, team_id: int, session_id: int | None, agent_id: int | None
) -> dict[str, int]:
    """What the feedback refers to, locked; a session brings its agent, who may be deleted since."""
    if session_id is None:
        if agent_id is None:
            return {}
        if not await agents.lock_for_reference(conn, team_id, agent_id):
            raise NotFoundError("There is no such agent.", param="agent_id")
        return {"agent_id": agent_id}
    had: int | None = await conn.fetchval(_SQL["agent_of_session"], team_id, session_id)
    if had is None:
        raise NotFoundError("There is no such session.", param="session_id")
    if agent_id not in {None, had}:
        raise ClientError("This is not the agent of the session.", param="agent_id")
    return {"session_id": session_id, "agent_id": had}
