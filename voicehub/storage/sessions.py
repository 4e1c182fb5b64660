"""The table `sessions`: creating and reading. Opening, folding and settling are the owner's."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from voicehub.errors import AuthenticationError, NotFoundError, RateLimitError
from voicehub.storage import agents, teams, users
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("sessions")

# What `Retry-After` says at the limit of open sessions: about how soon one of many may end.
SLOT_RETRY_S = 10


@dataclass(frozen=True, slots=True)
class Session:
    id: int
    user_id: int
    team_id: int
    agent_id: int
    status: str
    started_at: datetime
    ended_at: datetime | None
    duration_minutes: Decimal
    data: dict[str, Any]  # open-ended JSON; `transcript` is missing in a page of a list
    usage: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    def __repr__(self) -> str:
        """Without `data`: what people said never reaches a log line."""
        return f"Session(id={self.id}, team_id={self.team_id}, status={self.status!r})"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions may be open at once."""

    per_user: int
    per_team: int
    # A session that nobody opened gives its slot back when its client secret has expired.
    created_life_s: float


async def create(
    conn: Connection,
    team_id: int,
    user_id: int,
    agent_id: int,
    client_context: dict[str, Any],
    limits: Limits,
) -> Session:
    """A row in state `created`, referring to rows that stay until it is committed.

    Raises AuthenticationError, NotFoundError, RateLimitError.
    """
    async with conn.transaction():
        # The team first: two creations of one team wait here for one another, so that the second
        # counts the first. READ COMMITTED gives each statement below a fresh view of the rows.
        if not await teams.lock_for_session(conn, team_id):
            raise AuthenticationError("The team of this token is gone.")
        if not await users.lock_for_reference(conn, team_id, user_id):
            raise AuthenticationError("The user of this token is gone.")
        if not await agents.lock_for_reference(conn, team_id, agent_id):
            raise NotFoundError("There is no such agent.", param="agent_id")
        await _check_limits(conn, team_id, user_id, limits)
        record = await conn.fetchrow(
            _SQL["insert"],
            team_id,
            user_id,
            agent_id,
            {"audio_url": None, "transcript": [], "context": client_context},
            {"audio_tokens": 0, "text_tokens": 0},
        )
        assert record is not None, "INSERT ... RETURNING gives its row"
        return Session(**record)


async def get(conn: Connection, team_id: int, session_id: int) -> Session | None:
    record = await conn.fetchrow(_SQL["get"], team_id, session_id)
    return Session(**record) if record else None


async def require_slot(
    conn: Connection, team_id: int, user_id: int, session_id: int, limits: Limits
) -> None:
    """Inside a transaction: `session_id` may run, until the end of it. Raises RateLimitError.

    It does not count itself, whatever its state, and neither do others that are only created.
    """
    if not await teams.lock_for_session(conn, team_id):
        raise AuthenticationError("The team of this token is gone.")
    limits = replace(limits, created_life_s=0)
    await _check_limits(conn, team_id, user_id, limits, besides=session_id)


async def _check_limits(
    conn: Connection, team_id: int, user_id: int, limits: Limits, besides: int | None = None
) -> None:
    life_s = limits.created_life_s
    counts = await conn.fetchrow(_SQL["count_open"], team_id, user_id, life_s, besides)
    assert counts is not None, "count(*) gives a row"
    for owner, count, limit in (
        ("user", counts["user_count"], limits.per_user),
        ("team", counts["team_count"], limits.per_team),
    ):
        if count >= limit:
            raise RateLimitError(
                f"This {owner} holds {count} open sessions, and {limit} is the limit.",
                code="session_limit_exceeded",
                retry_after_s=SLOT_RETRY_S,
            )
