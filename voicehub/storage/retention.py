"""What a session leaves in its row for as long as it may, and in Spaces for as long as needed."""

from collections.abc import Sequence

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("retention")


async def need_uploads(conn: Connection, sessions: Sequence[int]) -> set[int]:
    """Which of the sessions may still need the multipart uploads that they began."""
    return {each["id"] for each in await conn.fetch(_SQL["need_uploads"], sessions)}


async def last_id(conn: Connection) -> int:
    """The highest id of any session."""
    return int(await conn.fetchval(_SQL["last_id"]))


async def with_old_audio(
    conn: Connection, above_id: int, upto_id: int, days: int
) -> list[tuple[int, int]]:
    """Sessions (team, session) in that window of ids whose audio is older than it may be."""
    records = await conn.fetch(_SQL["with_old_audio"], above_id, upto_id, days)
    return [(each["team_id"], each["session_id"]) for each in records]


async def audio_removed(conn: Connection, team_id: int, session_id: int, state: str) -> None:
    """Say in the row that Spaces has nothing of it any more."""
    await conn.execute(_SQL["audio_removed"], team_id, session_id, state)


async def remove_transcripts(conn: Connection, above_id: int, upto_id: int, days: int) -> int:
    """Forget the transcripts in that window of ids that are older than they may be: how many."""
    return len(await conn.fetch(_SQL["remove_transcripts"], above_id, upto_id, days))
