"""Brings a database to the schema that this code knows, once, whoever else tries just then."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from voicehub.errors import StorageError
from voicehub.storage import queries
from voicehub.storage.postgres import CONNECT_S, CONNECTION_TROUBLE, Connection

LOCK_KEY = 0x766F6963656875  # "voicehu": any number that no one else locks
MIGRATE_S = (
    3600.0  # for one statement, the wait for another `migrate` included; then all is rolled back
)
_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")
_SQL = queries.load("migrations")


class SchemaError(StorageError):
    """Database and code do not fit; the message says which is ahead and what to do."""

    code = "schema_mismatch"
    retryable = False


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    checksum: str
    sql: str


def known_migrations(folder: Path | None = None) -> list[Migration]:
    """The files of sql/migrations/, in order."""
    found = [
        _read(path)
        for path in sorted((folder or queries.sql_folder() / "migrations").glob("*.sql"))
    ]
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise SchemaError("sql/migrations/ must be numbered 0001, 0002, ... without a gap.")
    return found


async def migrate(dsn: str, known: list[Migration] | None = None) -> list[str]:
    """Apply what is missing in one transaction; answer with the names. A second run waits."""
    known = known_migrations() if known is None else known
    try:
        # statement_cache_size=0 works behind a pooler too.
        conn = await asyncpg.connect(
            dsn, timeout=CONNECT_S, command_timeout=MIGRATE_S, statement_cache_size=0
        )
        try:
            async with conn.transaction():
                return await _apply_missing(conn, known)
        finally:
            await conn.close(timeout=CONNECT_S)
    except CONNECTION_TROUBLE as error:
        raise StorageError(f"Postgres: {type(error).__name__}") from error


async def check_version(conn: Connection, known: list[Migration] | None = None) -> None:
    """Raise SchemaError unless the database is exactly what this code knows."""
    known = known_migrations() if known is None else known
    applied = await conn.fetch(_SQL["applied"]) if await conn.fetchval(_SQL["table_exists"]) else []
    missing = _missing(applied, known)
    if missing:
        names = ", ".join(migration.name for migration in missing)
        raise SchemaError(f"The database lacks {names}: run `voicehub migrate`.")


async def _apply_missing(conn: Connection, known: list[Migration]) -> list[str]:
    await conn.execute(_SQL["lock"], LOCK_KEY)
    await conn.execute(_SQL["create_table"])
    missing = _missing(await conn.fetch(_SQL["applied"]), known)
    for migration in missing:
        await conn.execute(migration.sql)
        await conn.execute(_SQL["record"], migration.version, migration.name, migration.checksum)
    return [migration.name for migration in missing]


def _missing(applied: list[asyncpg.Record], known: list[Migration]) -> list[Migration]:
    """What is still to be applied; refuses a database that is ahead or was built differently."""
    if len(applied) > len(known):
        ahead = ", ".join(row["name"] for row in applied[len(known) :])
        raise SchemaError(
            f"The database is newer than this code (it has {ahead}): update VoiceHub."
        )
    for row, migration in zip(applied, known, strict=False):
        if (row["version"], row["checksum"]) != (migration.version, migration.checksum):
            raise SchemaError(
                f"The database has {row['name']}, which is not this code's {migration.name}: "
                "a migration that was applied must not change."
            )
    return known[len(applied) :]


def _read(path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise SchemaError(f"{path.name} is not named like 0001_what.sql.")
    sql = path.read_text(encoding="utf-8")
    return Migration(int(match.group(1)), path.stem, hashlib.sha256(sql.encode()).hexdigest(), sql)
