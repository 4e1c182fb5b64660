"""What only the owner of a session writes to its row: each write carries the fencing token."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from voicehub.errors import ConflictError, FencedError
from voicehub.session.state import EndedReason, Status, sources_of
from voicehub.storage.lines import Line, merge_lines
from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("ownership")
MS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Owned:
    """A session and the fencing token that its owner holds."""

    team_id: int
    session_id: int
    token: int


async def start(conn: Connection, team_id: int, session_id: int) -> int:
    """Own the session from now on: a new one, a paused one, or one that another had until now.

    Returns the fencing token; raises ConflictError when it has ended.
    """
    states = [*sources_of(Status.IN_PROGRESS), Status.IN_PROGRESS.value]
    token = await conn.fetchval(_SQL["start"], team_id, session_id, states)
    if token is None:
        raise ConflictError("The session has ended.", code="session_not_open")
    return int(token)


async def seize(conn: Connection, team_id: int, session_id: int, expected_token: int) -> int | None:
    """Own a session in progress whose owner is dead. Returns the fencing token.

    None when somebody else was quicker: its token is no longer the expected one, or it has ended.
    """
    token: int | None = await conn.fetchval(_SQL["seize"], team_id, session_id, expected_token)
    return token


async def in_progress(
    conn: Connection, known: Sequence[int], above_id: int
) -> tuple[list[tuple[int, int]], list[int]]:
    """Of the sessions in `known` and those above `above_id`: (team, session) of those in progress,
    and the ids of those that are or may still come to be.
    """
    records = await conn.fetch(_SQL["in_progress"], known, above_id)
    return (
        [(each["team_id"], each["id"]) for each in records if each["status"] == "in_progress"],
        [each["id"] for each in records],
    )


async def tokens(conn: Connection, sessions: Sequence[int]) -> dict[int, int]:
    """The newest fencing token of each of the sessions that is in progress."""
    records = await conn.fetch(_SQL["tokens"], sessions)
    return {each["id"]: each["token"] for each in records}


async def begin_leg(
    conn: Connection, team_id: int, session_id: int, token: int, *, at_ms: float, wall_ms: float
) -> None:
    """This owner's first sample stands at `at_ms` of the session; safe to repeat.

    `wall_ms` is its Unix time. Raises FencedError.
    """
    sql, place = _SQL["begin_leg"], (round(at_ms), round(wall_ms))
    _require(await conn.fetchval(sql, team_id, session_id, token, *place))


async def set_client_session(
    conn: Connection, team_id: int, session_id: int, token: int, session: dict[str, Any]
) -> None:
    """Keep what the client has set of the session. Raises FencedError."""
    _require(await conn.fetchval(_SQL["set_client_session"], team_id, session_id, token, session))


async def pause(
    conn: Connection,
    team_id: int,
    session_id: int,
    token: int,
    *,
    duration_ms: float,
    at_ms: float,
) -> None:
    """The session's clock stands still at `at_ms`. Raises FencedError."""
    states = [*sources_of(Status.PAUSED), Status.PAUSED.value]
    minutes = _minutes(duration_ms)
    sql = _SQL["pause"]
    _require(await conn.fetchval(sql, team_id, session_id, token, states, minutes, round(at_ms)))


async def end_created(
    conn: Connection,
    team_id: int,
    session_id: int,
    *,
    keep_context: bool,
    reason: EndedReason = EndedReason.CLIENT_CLOSE,
) -> bool:
    """End a session that nobody has opened. Returns whether this ended it."""
    sql = _SQL["end_created"]
    return await conn.fetchval(sql, team_id, session_id, keep_context, reason.value) is not None


async def end_paused(
    conn: Connection,
    team_id: int,
    session_id: int,
    *,
    keep_context: bool,
    reason: EndedReason = EndedReason.CLIENT_CLOSE,
) -> bool:
    """End a paused session, which nobody owns. Returns whether this ended it."""
    sql = _SQL["end_paused"]
    return await conn.fetchval(sql, team_id, session_id, keep_context, reason.value) is not None


async def end_unopened(
    conn: Connection, *, older_than_s: float, limit: int, keep_context: bool
) -> int:
    """End sessions that nobody has opened. Returns how many."""
    return len(await conn.fetch(_SQL["end_unopened"], older_than_s, limit, keep_context))


async def leave(
    conn: Connection,
    team_id: int,
    session_id: int,
    token: int,
    *,
    duration_ms: float,
    reason: EndedReason,
) -> None:
    """The session stays in progress for an owner to come. `reason` ends it if none comes.

    Raises FencedError.
    """
    minutes = _minutes(duration_ms)
    sql = _SQL["leave"]
    _require(await conn.fetchval(sql, team_id, session_id, token, minutes, reason.value))


async def fold(
    conn: Connection, team_id: int, session_id: int, token: int, entries: list[tuple[int, Line]]
) -> None:
    """Put lines (sequence number, line) into the row; those that it has are left out.

    Raises FencedError when a newer owner has the session.
    """
    async with conn.transaction():
        mark = await conn.fetchrow(_SQL["folded"], team_id, session_id, token)
        if mark is None:
            raise FencedError("A newer owner holds this session.")
        fresh = [(sequence, line) for sequence, line in entries if sequence > mark["sequence"]]
        if not fresh:
            return
        lines = merge_lines([], [line for _, line in fresh])
        # A line that replaces a folded one has its place, which is not after the last.
        appends = lines[0]["order"] > mark["last_order"]
        await conn.execute(
            _SQL["append_lines" if appends else "merge_lines"],
            team_id,
            session_id,
            lines,
            {
                "sequence": max(sequence for sequence, _ in fresh),
                "order": max(lines[-1]["order"], mark["last_order"]),
            },
        )


async def finish(
    conn: Connection,
    team_id: int,
    session_id: int,
    token: int,
    *,
    status: Status,
    reason: EndedReason,
    duration_ms: float,
    recording: dict[str, Any],
    keep_context: bool,
    ended_s_ago: float = 0.0,
) -> bool:
    """End the session. Returns whether this ended it: it may have ended, or have a newer owner."""
    ended = await conn.fetchval(
        _SQL["finish"],
        team_id,
        session_id,
        token,
        sources_of(status),
        status.value,
        _minutes(duration_ms),
        {"ended_reason": reason.value, "recording": recording},
        keep_context,
        ended_s_ago,
    )
    return ended is not None


async def set_recording(
    conn: Connection,
    team_id: int,
    session_id: int,
    token: int,
    recording: dict[str, Any],
    audio_url: str | None,
) -> None:
    """Say where the recording stands. Raises FencedError."""
    sql = _SQL["set_recording"]
    _require(await conn.fetchval(sql, team_id, session_id, token, recording, audio_url))


async def leave_part(conn: Connection, team_id: int, session_id: int, key: str) -> None:
    """A part of the recording is an object now. One that came too late, from an owner that stood
    still while the others ended its session, is cleared away by a job.
    """
    await conn.execute(_SQL["leave_part"], team_id, session_id, key)


def _minutes(duration_ms: float) -> Decimal:
    return round(Decimal(duration_ms) / MS_PER_MINUTE, 6)


def _require(row: object) -> None:
    if row is None:
        raise FencedError("A newer owner holds this session.")
