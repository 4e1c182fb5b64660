"""The table `idempotency_keys`: what a creating request answered, so that its repeat gets that."""

from dataclasses import dataclass

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("idempotency")

# A request that is not answered after this has died with its server: its key is free again.
DEAD_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A key that somebody used. Without a status its first request still runs."""

    request_hash: str
    answer_status: int | None
    answer_headers: dict[str, str] | None
    answer_body: bytes | None


async def claim(conn: Connection, actor: str, key: str, request_hash: str) -> int | None:
    """The id of the claim, or None where the key was used: `find` tells for what."""
    claimed: int | None = await conn.fetchval(_SQL["claim"], actor, key, request_hash, DEAD_AFTER_S)
    return claimed


async def find(conn: Connection, actor: str, key: str) -> Kept | None:
    record = await conn.fetchrow(_SQL["find"], actor, key)
    return Kept(**record) if record else None


async def complete(
    conn: Connection, claim_id: int, status: int, headers: dict[str, str], body: bytes
) -> None:
    await conn.execute(_SQL["complete"], claim_id, status, headers, body)


async def release(conn: Connection, claim_id: int) -> None:
    await conn.execute(_SQL["release"], claim_id)


async def forget(conn: Connection, *, older_than_s: float, limit: int) -> int:
    """Remove old keys. Returns how many."""
    return len(await conn.fetch(_SQL["forget"], older_than_s, limit))
