"""The table `team`."""

from dataclasses import dataclass
from datetime import datetime

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

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


async def lock_for_reference(conn: Connection, team_id: int) -> bool:
    """Whether the team exists; it then cannot be deleted until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_reference"], team_id) is not None


async def lock_for_session(conn: Connection, team_id: int) -> bool:
    """Whether the team exists; it is then locked until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_session"], team_id) is not None
