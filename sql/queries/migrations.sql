-- name: lock
-- Hold the one lock of all migrations until the transaction ends (works behind a pooler, unlike a session's lock).
SELECT pg_advisory_xact_lock($1);

-- name: create_table
-- Make the table of what was applied.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version bigint PRIMARY KEY,
    name varchar(255) NOT NULL,
    checksum varchar(64) NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: table_exists
-- Whether this database was ever migrated.
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: applied
-- What was applied, in order.
SELECT version, name, checksum FROM schema_migrations ORDER BY version;

-- name: record
-- Write down that a migration was applied.
INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3);
