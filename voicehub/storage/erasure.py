"""Erasing an ended session, or a part of it: from Postgres, Redis and Spaces, and for good.

Postgres decides, in one transaction. What it remembers (`erasures`) has Spaces looked through at
once, and again later: an owner that stood still, a job or another host may yet bring something.
"""

from collections.abc import Collection
from dataclasses import dataclass

from voicehub.errors import ConflictError, NotFoundError
from voicehub.storage import lines, retention, settlement, usage
from voicehub.storage.postgres import Connection, Postgres
from voicehub.storage.queries import load
from voicehub.storage.recording_keys import session_prefix
from voicehub.storage.redis import Redis
from voicehub.storage.settlement import NoSubscriptionError
from voicehub.storage.spaces import Spaces

_SQL = load("erasure")

# The state of a recording that is gone for good (`sinks/summary.py`).
REMOVED = "removed"
# Spaces is looked through so long after each look: a job may take half an hour, an owner that stood
# still may wake days later. After the last there is no other.
SWEEP_AGAIN_S = (60.0, 600.0, 3600.0, 86_400.0, 7 * 86_400.0)


@dataclass(frozen=True, slots=True)
class Erasable:
    """A session that has ended, locked."""

    team_id: int
    session_id: int
    user_id: int


async def erase_session(
    postgres: Postgres, redis: Redis, team_id: int, session_id: int, *, actor: str
) -> None:
    """Delete the row, once what it used is on the subscription for good.

    Raises NotFoundError, ConflictError, StorageError: then nothing is erased, and it can be tried
    again.
    """
    await _settle(postgres, redis, team_id, session_id)
    await lines.erase(redis, team_id, session_id)
    async with postgres.transaction() as conn:
        session = await _lock(conn, team_id, session_id)
        await conn.execute(_SQL["remember"], team_id, session_id, actor)
        await conn.execute(_SQL["detach_feedbacks"], team_id, session_id)
        await conn.execute(_SQL["forget_answers"], session.user_id, session_id)
        await conn.execute(_SQL["delete"], team_id, session_id)


async def erase_recording(postgres: Postgres, team_id: int, session_id: int, *, actor: str) -> None:
    """Raises NotFoundError, ConflictError, StorageError."""
    async with postgres.transaction() as conn:
        await _lock(conn, team_id, session_id)
        await conn.execute(_SQL["remember"], team_id, session_id, actor)
        await retention.audio_removed(conn, team_id, session_id, REMOVED)


async def erase_transcript(postgres: Postgres, redis: Redis, team_id: int, session_id: int) -> None:
    """Raises NotFoundError, ConflictError, StorageError."""
    async with postgres.transaction() as conn:
        await _lock(conn, team_id, session_id)
        # A session ends with all its lines in the row: these are copies.
        await lines.erase(redis, team_id, session_id)
        await conn.execute(_SQL["forget_transcript"], team_id, session_id)


async def erase_context(postgres: Postgres, team_id: int, session_id: int) -> None:
    """Raises NotFoundError, ConflictError, StorageError."""
    async with postgres.transaction() as conn:
        session = await _lock(conn, team_id, session_id)
        await conn.execute(_SQL["forget_answers"], session.user_id, session_id)
        await conn.execute(_SQL["forget_context"], team_id, session_id)


async def erase_audio(spaces: Spaces, team_id: int, session_id: int) -> None:
    """Remove everything that Spaces has of a session, and what is still being uploaded. Raises
    StorageError: a part of it may then be gone.
    """
    prefix = session_prefix(team_id, session_id)
    for upload in await spaces.list_uploads(prefix):
        await spaces.abort_upload(upload.key, upload.upload_id)
    await spaces.delete(each.key for each in await spaces.list_objects(prefix))


async def sweep(postgres: Postgres, spaces: Spaces, team_id: int, session_id: int) -> None:
    """Remove what Spaces has of an erased session. Raises StorageError: it stays due."""
    await erase_audio(spaces, team_id, session_id)
    async with postgres.connection() as conn:
        await conn.execute(_SQL["swept"], session_id, list(SWEEP_AGAIN_S))


async def due(conn: Connection, limit: int) -> list[tuple[int, int]]:
    """The sessions (team, session) that `sweep` is to look after now."""
    records = await conn.fetch(_SQL["due"], limit)
    return [(each["team_id"], each["session_id"]) for each in records]


async def came_late(conn: Connection, team_id: int, session_id: int) -> None:
    """Who has just brought something to Spaces, and found that nobody wants it, says so."""
    await conn.execute(_SQL["again"], team_id, session_id)


async def erased(conn: Connection, session_ids: Collection[int]) -> set[int]:
    """Which of the sessions nothing recorded may be left of."""
    return {each["session_id"] for each in await conn.fetch(_SQL["erased"], list(session_ids))}


async def _lock(conn: Connection, team_id: int, session_id: int) -> Erasable:
    record = await conn.fetchrow(_SQL["lock"], team_id, session_id)
    if record is None:
        raise NotFoundError("There is no such session.")
    if not record["has_ended"]:
        raise ConflictError("The session has not ended yet: end it first.", code="session_open")
    return Erasable(team_id, session_id, record["user_id"])


async def _settle(postgres: Postgres, redis: Redis, team_id: int, session_id: int) -> None:
    """What is only booked would be lost with the row."""
    async with postgres.transaction() as conn:
        await _lock(conn, team_id, session_id)
    booked = await usage.booked(redis, team_id, session_id)
    if booked is None:
        return
    try:
        async with postgres.connection() as conn:
            settled = await settlement.settle(conn, team_id, session_id, booked)
    except NoSubscriptionError:
        raise ConflictError(
            "What the session used waits for a subscription of the team.", code="usage_unsettled"
        ) from None
    await usage.mark_settled(redis, team_id, session_id, settled, finished=True)
