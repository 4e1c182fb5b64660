"""Looks at Postgres: whether it lets us in, has our tables, and lets us write to them."""

import time

import asyncpg

from voicehub.doctor.finding import Finding, clock, failed, ok, warning
from voicehub.errors import VoiceHubError
from voicehub.storage.migrations import check_version

SUBJECT = "Postgres"
CONNECT_S = 5.0
STATEMENT_S = 5.0
# Identity columns, jsonb and CHECKs are older; this one is the oldest that is still mended.
VERSION_MIN = 14
# Of one process (`Postgres.connect`), and what others use besides.
CONNECTIONS_A_PROCESS = 10
CONNECTIONS_BESIDE = 10

_LACKING = """
SELECT c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'r'
  AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
           AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
ORDER BY 1
"""

_REFUSALS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "it refuses the user or the password",
        "Correct DATABASE_URL, or the server's pg_hba.conf.",
    ),
    (
        asyncpg.InvalidCatalogNameError,
        "it has no such database",
        "Create it (CREATE DATABASE), or correct DATABASE_URL.",
    ),
    (
        asyncpg.TooManyConnectionsError,
        "it has no connection left",
        "Raise max_connections, or put PgBouncer in front.",
    ),
    (
        asyncpg.CannotConnectNowError,
        "it is starting or stopping",
        "Try again in a moment.",
    ),
)


async def look_at_postgres(dsn: str, processes: int) -> list[Finding]:
    """`processes`: how many servers `serve` starts."""
    try:
        conn = await asyncpg.connect(
            dsn, timeout=CONNECT_S, command_timeout=STATEMENT_S, statement_cache_size=0
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        return [_refusal(error)]
    try:
        return await _look(conn, processes)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return [failed(SUBJECT, f"it stopped answering: {type(error).__name__}", "See its log.")]
    finally:
        conn.terminate()


def _refusal(error: Exception) -> Finding:
    for kind, what, advice in _REFUSALS:
        if isinstance(error, kind):
            return failed(SUBJECT, what, advice)
    if isinstance(error, ValueError):
        return failed(SUBJECT, "DATABASE_URL is no address of a Postgres", "Correct it.")
    return failed(
        SUBJECT,
        f"it cannot be reached: {type(error).__name__}",
        "Start it, or correct host and port in DATABASE_URL.",
    )


async def _look(conn: "asyncpg.Connection[asyncpg.Record]", processes: int) -> list[Finding]:
    version = conn.get_server_version()
    shown = f"version {version.major}"
    found = [
        ok(SUBJECT, f"connected, {shown}")
        if version.major >= VERSION_MIN
        else warning(SUBJECT, f"{shown} is not mended any more", f"Go to {VERSION_MIN} or newer.")
    ]
    found.append(await _schema(conn))
    if await conn.fetchval("SELECT pg_is_in_recovery()"):
        found.append(
            failed(SUBJECT, "it is a replica and takes no writes", "Name the primary server.")
        )
    lacking = [row["relname"] for row in await conn.fetch(_LACKING)]
    if lacking:
        found.append(
            failed(
                SUBJECT,
                f"its user may not read and write {', '.join(lacking)}",
                "GRANT SELECT, INSERT, UPDATE, DELETE on them.",
            )
        )
    found.append(await _connections(conn, processes))
    asked_s = time.time()
    theirs_s = float(await conn.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    found.append(clock(SUBJECT, theirs_s - (asked_s + time.time()) / 2))
    return found


async def _schema(conn: "asyncpg.Connection[asyncpg.Record]") -> Finding:
    try:
        await check_version(conn)
    except asyncpg.InsufficientPrivilegeError:
        return failed(SUBJECT, "its user may not see which tables it has", "GRANT SELECT on them.")
    except VoiceHubError as error:
        return failed(SUBJECT, error.message, "")
    return ok(SUBJECT, "its tables are this version's")


async def _connections(conn: "asyncpg.Connection[asyncpg.Record]", processes: int) -> Finding:
    most = int(await conn.fetchval("SHOW max_connections"))
    wanted = processes * CONNECTIONS_A_PROCESS + CONNECTIONS_BESIDE
    if wanted > most:
        return warning(
            SUBJECT,
            f"it takes {most} connections, {processes} servers may want {wanted}",
            "Raise max_connections, or put PgBouncer in front.",
        )
    return ok(SUBJECT, f"it takes {most} connections")
