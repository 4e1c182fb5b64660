"""What earlier owners have left of a session, read by the next one."""

from dataclasses import dataclass, field
from typing import Any

from voicehub.errors import NotFoundError
from voicehub.session.metering import Totals
from voicehub.session.resumption import Resumption
from voicehub.storage import lines, sessions, usage
from voicehub.storage.lines import Line
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.sessions import Session
from voicehub.storage.settlement import is_newer


@dataclass(frozen=True, slots=True)
class LeftBehind:
    resumption: Resumption
    unfolded: list[tuple[int, Line]] = field(repr=False)
    """Lines that only Redis has."""


async def left_behind(postgres: Postgres, redis: Redis, owned: Owned) -> LeftBehind | None:
    """None for a session that never began to converse.

    The caller owns the session, in Redis too: earlier owners write nothing any more. Raises
    StorageError: without Redis nobody knows all that was said.
    """
    async with postgres.connection() as conn:
        row = await sessions.get(conn, owned.team_id, owned.session_id)
    if row is None:
        raise NotFoundError("There is no such session.")
    legs = row.data.get("legs")
    if not legs:
        return None
    folded = (row.data.get("folded") or {}).get("sequence", 0)
    waiting = await lines.unfolded(redis, owned.team_id, owned.session_id)
    fresh = [(sequence, line) for sequence, line in waiting if sequence > folded]
    booked = await usage.last_booked(redis, owned.team_id, owned.session_id)
    is_fresh = booked is not None and is_newer(booked, row.usage)
    at_ms, wall_ms = _clock(row, legs[-1])
    transcript = lines.merge_lines(row.data.get("transcript", []), [line for _, line in fresh])
    resumption = Resumption(
        lines=tuple(transcript),
        sequence=max([folded, *(sequence for sequence, _ in fresh)]),
        totals=Totals.from_json(booked if is_fresh and booked is not None else row.usage),
        at_ms=at_ms,
        wall_ms=wall_ms,
        client_session=row.data.get("client_session") or {},
    )
    return LeftBehind(resumption, fresh)


def _clock(row: Session, last_leg: dict[str, Any]) -> tuple[float, float | None]:
    """Where the time line stood, and when; without a time, because it stands still there."""
    paused_at_ms = row.data.get("paused_at_ms")
    if paused_at_ms is not None:
        return paused_at_ms, None
    return last_leg["at_ms"], last_leg["wall_ms"]
