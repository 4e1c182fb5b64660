"""The table `users`, each row with the name of its team."""

from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import UniqueViolationError

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
    conn: Connection, team_id: int, user_id: int, old_hash: str | None, new_hash: str
) -> bool:
    """Store a hash; False, and nothing happens, when the old one was changed meanwhile."""
    changed_id = await conn.fetchval(
        _SQL["set_password_hash"], team_id, user_id, old_hash, new_hash
    )
    return changed_id is not None


async def by_google(
    conn: Connection, google_id: str, email: str, team_name: str | None = None
) -> list[User]:
    """The users whom a Google account signs in: in a team the one bound to it, and only where there
    is none, the one who has its address and no Google account yet.
    """
    records = await conn.fetch(_SQL["by_google"], google_id, email, SAME_EMAIL_MAX, team_name)
    return [User(**record) for record in records]


async def bind_google(conn: Connection, team_id: int, user_id: int, google_id: str) -> bool:
    """Whether the user now has that Google account; never in the place of another one.

    False also when it is another's of the team: the table `google_accounts` has each once a team.
    """
    try:
        bound_id = await conn.fetchval(_SQL["bind_google"], team_id, user_id, google_id)
    except UniqueViolationError:
        return False
    return bound_id is not None
