"""The table `users`, each row with the name of its team."""

from dataclasses import dataclass, field
from datetime import datetime

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("users")

# A login checks a password against each of these: that many teams of one address, and no more.
SAME_EMAIL_MAX = 10


@dataclass(frozen=True, slots=True)
class User:
    id: int
    team_id: int
    email: str
    display_name: str
    password_hash: str | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
    team_name: str
    team_label: str


async def by_email(conn: Connection, email: str, team_name: str | None = None) -> list[User]:
    """The users with this address in all teams, or in the one named; it is how a login begins."""
    records = await conn.fetch(_SQL["by_email"], email, SAME_EMAIL_MAX, team_name)
    return [User(**record) for record in records]


async def get(conn: Connection, team_id: int, user_id: int) -> User | None:
    record = await conn.fetchrow(_SQL["get"], team_id, user_id)
    return User(**record) if record else None


async def lock_for_reference(conn: Connection, team_id: int, user_id: int) -> bool:
    """Whether the user exists; it then cannot be deleted until the transaction ends."""
    return await conn.fetchval(_SQL["lock_for_reference"], team_id, user_id) is not None


async def set_password_hash(
    conn: Connection, team_id: int, user_id: int, old_hash: str, new_hash: str
) -> None:
    """Store a stronger hash of the same password; nothing happens when it was changed meanwhile."""
    await conn.execute(_SQL["set_password_hash"], team_id, user_id, old_hash, new_hash)
