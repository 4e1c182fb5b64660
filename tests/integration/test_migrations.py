"""voicehub/storage/migrations.py and sql/: one schema, however it is reached."""

import asyncio
import sys
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest

from voicehub.devstack import Stack
from voicehub.storage import queries
from voicehub.storage.migrations import (
    Migration,
    SchemaError,
    check_version,
    known_migrations,
    migrate,
)
from voicehub.storage.postgres import Postgres

TABLES = ("team", "users", "plans", "subscriptions", "ai_agents", "sessions", "feedbacks")

# What a database is made of; names included, oids left out.
CATALOGUE = {
    "columns": """
        SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length,
            numeric_precision, column_default, is_nullable, is_identity, identity_generation,
            is_generated
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text
        FROM pg_trigger WHERE NOT tgisinternal""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace""",
    "relations": """
        SELECT relname, relkind::text, relpersistence::text, relrowsecurity FROM pg_class
        WHERE relnamespace = 'public'::regnamespace""",
    "types": """
        SELECT typname, typtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace""",
}

BIGINT, TEXT, JSONB, BOOLEAN, NUMERIC = "bigint", "text", "jsonb", "boolean", "numeric"
TIME = "timestamp with time zone"
NAME, STATUS = "character varying(255)", "character varying(50)"
REQUIRED, OPTIONAL = "NO", "YES"
ID = ("id", BIGINT, REQUIRED, None)
TIMES = [("created_at", TIME, OPTIONAL, "now()"), ("updated_at", TIME, OPTIONAL, "now()")]

# The schema reference, written down a second time.
COLUMNS = {
    "team": [ID, ("label", NAME, REQUIRED, None), ("name", NAME, REQUIRED, None), *TIMES],
    "users": [
        ID,
        ("team_id", BIGINT, REQUIRED, None),
        ("email", NAME, REQUIRED, None),
        ("display_name", NAME, REQUIRED, None),
        ("google_id", NAME, OPTIONAL, None),
        ("password_hash", NAME, OPTIONAL, None),
        ("settings", JSONB, REQUIRED, None),
        *TIMES,
    ],
    "plans": [
        ID,
        ("name", NAME, REQUIRED, None),
        ("description", TEXT, OPTIONAL, None),
        ("max_audio_tokens", NUMERIC, REQUIRED, None),
        ("max_text_tokens", NUMERIC, REQUIRED, None),
        ("monthly_price", NUMERIC, OPTIONAL, "0"),
        ("annual_price", NUMERIC, OPTIONAL, "0"),
        *TIMES,
    ],
    "subscriptions": [
        ID,
        ("team_id", BIGINT, REQUIRED, None),
        ("plan_id", BIGINT, REQUIRED, None),
        ("status", STATUS, REQUIRED, None),
        ("total_audio_tokens_used", NUMERIC, OPTIONAL, "0"),
        ("total_text_tokens_used", NUMERIC, OPTIONAL, "0"),
        ("current_period_start", TIME, OPTIONAL, None),
        ("current_period_end", TIME, OPTIONAL, None),
        ("cancel_at_period_end", BOOLEAN, OPTIONAL, "false"),
        *TIMES,
    ],
    "ai_agents": [
        ID,
        ("creator_id", BIGINT, OPTIONAL, None),
        ("team_id", BIGINT, OPTIONAL, None),
        ("name", NAME, REQUIRED, None),
        ("description", TEXT, OPTIONAL, None),
        ("persona_prompt", TEXT, REQUIRED, None),
        ("system_prompt", TEXT, REQUIRED, None),
        ("is_built_in", BOOLEAN, REQUIRED, "false"),
        ("settings", JSONB, REQUIRED, None),
        ("deleted_at", TIME, OPTIONAL, None),
        *TIMES,
    ],
    "sessions": [
        ID,
        ("user_id", BIGINT, REQUIRED, None),
        ("team_id", BIGINT, REQUIRED, None),
        ("agent_id", BIGINT, REQUIRED, None),
        ("status", STATUS, REQUIRED, None),
        ("started_at", TIME, REQUIRED, None),
        ("ended_at", TIME, OPTIONAL, None),
        ("duration_minutes", NUMERIC, REQUIRED, "0"),
        ("data", JSONB, REQUIRED, None),
        ("usage", JSONB, REQUIRED, None),
        *TIMES,
    ],
    "feedbacks": [
        ID,
        ("user_id", BIGINT, REQUIRED, None),
        ("team_id", BIGINT, REQUIRED, None),
        ("data", JSONB, REQUIRED, None),
        *TIMES,
    ],
}

# Besides the primary keys.
INDEXES = {
    ("team", True, "name"),
    ("users", True, "team_id, email"),
    ("users", False, "email"),
    ("plans", True, "name"),
    ("subscriptions", False, "team_id"),
    ("subscriptions", False, "plan_id"),
    ("ai_agents", False, "creator_id"),
    ("ai_agents", False, "team_id"),
    ("sessions", False, "user_id"),
    ("sessions", False, "team_id"),
    ("sessions", False, "agent_id"),
    ("feedbacks", False, "user_id"),
    ("feedbacks", False, "team_id"),
}


async def catalogue(conn: asyncpg.Connection) -> dict[str, set[tuple]]:
    return {what: {tuple(row) for row in await conn.fetch(sql)} for what, sql in CATALOGUE.items()}


async def test_the_schema_file_and_the_migrations_build_the_same(
    empty_database_url: str, pg: Postgres
) -> None:
    conn = await asyncpg.connect(empty_database_url)
    try:
        await conn.execute((queries.sql_folder() / "schema.sql").read_text())
        read = await catalogue(conn)
    finally:
        await conn.close()
    async with pg.connection() as migrated:
        assert await catalogue(migrated) == read


async def test_every_table_keeps_its_times(pg: Postgres) -> None:
    async with pg.connection() as conn:
        without = await conn.fetch(
            """
            SELECT relname FROM pg_class
            JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'updated_at'
            WHERE relkind = 'r' AND NOT EXISTS (
                SELECT FROM pg_trigger
                WHERE tgrelid = pg_class.oid AND tgname = relname || '_set_updated_at'
            )"""
        )
    assert not without


@pytest.mark.parametrize("table", TABLES)
async def test_the_columns_are_those_of_the_reference(pg: Postgres, table: str) -> None:
    async with pg.connection() as conn:
        rows = await conn.fetch(
            """
            SELECT attname, format_type(atttypid, atttypmod),
                CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END, pg_get_expr(adbin, adrelid)
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum""",
            table,
        )
        identity = await conn.fetchval(
            """
            SELECT attidentity::text FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attname = 'id'""",
            table,
        )
    assert [tuple(row) for row in rows] == COLUMNS[table]
    assert identity == "d", "GENERATED BY DEFAULT"


async def test_the_indexes_are_those_of_the_reference_and_no_foreign_key_is_there(
    pg: Postgres,
) -> None:
    async with pg.connection() as conn:
        rows = await conn.fetch(
            """
            SELECT indrelid::regclass::text, indisunique,
                (SELECT string_agg(attname, ', ' ORDER BY place) FROM unnest(indkey)
                    WITH ORDINALITY AS key (number, place)
                    JOIN pg_attribute ON attrelid = indrelid AND attnum = number)
            FROM pg_index WHERE NOT indisprimary AND indrelid::regclass::text = ANY($1)""",
            TABLES,
        )
        tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        foreign_keys = await conn.fetchval("SELECT count(*) FROM pg_constraint WHERE contype = 'f'")
    assert sorted(tuple(row) for row in rows) == sorted(INDEXES)
    assert {row["tablename"] for row in tables} > {*TABLES, "schema_migrations"}
    assert foreign_keys == 0


@pytest.mark.parametrize("amount", ["-0.000001", "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, name)
        for table, columns in COLUMNS.items()
        for name, kind, _, _ in columns
        if kind == NUMERIC
    ],
)
async def test_amounts_that_are_none_are_refused(
    pg: Postgres, table: str, column: str, amount: str
) -> None:
    required = {
        "plans": {"name": "P", "max_audio_tokens": Decimal(1), "max_text_tokens": Decimal(1)},
        "subscriptions": {"team_id": 1, "plan_id": 1, "status": "active"},
        "sessions": {"user_id": 1, "team_id": 1, "agent_id": 1, "status": "created"},
    }[table]
    values = {**required, column: Decimal(amount)}
    with pytest.raises(asyncpg.CheckViolationError):
        await insert(pg, table, values)


@pytest.mark.parametrize(
    ("table", "known"),
    [
        ("subscriptions", ["free", "active", "cancelled", "expired"]),
        ("sessions", ["created", "in_progress", "paused", "completed", "failed"]),
    ],
)
async def test_a_status_is_one_of_its_enum(pg: Postgres, table: str, known: list[str]) -> None:
    required = {
        "subscriptions": {"team_id": 1, "plan_id": 1},
        "sessions": {"user_id": 1, "team_id": 1, "agent_id": 1},
    }[table]
    for status in known:
        await insert(pg, table, {**required, "status": status})
    with pytest.raises(asyncpg.CheckViolationError):
        await insert(pg, table, {**required, "status": "other"})


async def insert(pg: Postgres, table: str, values: dict) -> None:
    if table == "sessions":
        values = {**values, "data": {}, "usage": {}}
    columns = ", ".join(values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    if table == "sessions":
        columns, places = f"{columns}, started_at", f"{places}, now()"
    async with pg.connection() as conn:
        await conn.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", *values.values())


async def test_the_database_keeps_the_times_itself(pg: Postgres) -> None:
    async with pg.connection() as conn:
        created = await conn.fetchrow(
            "INSERT INTO team (label, name) VALUES ('A', 'a') RETURNING created_at, updated_at"
        )
        updated = await conn.fetchrow(
            "UPDATE team SET label = 'B', updated_at = 'epoch' RETURNING created_at, updated_at"
        )
    assert created["created_at"] == created["updated_at"] == updated["created_at"]
    assert updated["updated_at"] > created["updated_at"]


async def test_migrate_names_what_it_did_and_a_second_run_has_nothing_to_do(
    empty_database_url: str,
) -> None:
    assert await migrate(empty_database_url) == [item.name for item in known_migrations()]
    assert await migrate(empty_database_url) == []


async def test_two_processes_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    program = (
        "import asyncio, sys; from voicehub.storage.migrations import migrate;"
        "sys.stdin.read(1); print(len(asyncio.run(migrate(sys.argv[1]))))"
    )
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, empty_database_url),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    answers = await asyncio.gather(*(child.communicate(b"go") for child in children))
    assert sorted(int(output) for output, _ in answers) == [0, len(known_migrations())]


async def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    broken = Migration(2, "0002_broken", "x", "CREATE TABLE half (); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database_url, [*known_migrations(), broken])
    conn = await asyncpg.connect(empty_database_url)
    try:
        assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname='public'") == 0
    finally:
        await conn.close()


async def test_a_newer_database_is_refused(database_url: str, pg: Postgres) -> None:
    with pytest.raises(SchemaError, match="newer"):
        await migrate(database_url, known_migrations()[:-1])
    async with pg.connection() as conn:
        with pytest.raises(SchemaError, match="newer"):
            await check_version(conn, known_migrations()[:-1])


async def test_a_migration_that_was_edited_after_the_fact_is_refused(database_url: str) -> None:
    first, *rest = known_migrations()
    with pytest.raises(SchemaError, match="must not change"):
        await migrate(database_url, [replace(first, checksum="other"), *rest])


async def test_serve_accepts_its_own_schema_alone(stack: Stack, pg: Postgres) -> None:
    async with pg.connection() as conn:
        await check_version(conn)
        added = Migration(len(known_migrations()) + 1, "9999_more", "x", "SELECT 1")
        with pytest.raises(SchemaError, match="voicehub migrate"):
            await check_version(conn, [*known_migrations(), added])


async def test_a_database_that_was_never_migrated_says_what_to_run(empty_database_url: str) -> None:
    conn = await asyncpg.connect(empty_database_url)
    try:
        with pytest.raises(SchemaError, match="voicehub migrate"):
            await check_version(conn)
    finally:
        await conn.close()


@pytest.mark.parametrize("names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["first.sql"]])
def test_a_gap_or_a_misnamed_file_is_refused(tmp_path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(SchemaError):
        known_migrations(tmp_path)
