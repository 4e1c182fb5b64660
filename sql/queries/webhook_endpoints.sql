-- name: count
-- How many a team has.
SELECT count(*) FROM webhook_endpoints WHERE team_id = $1;

-- name: insert
-- A new one, enabled.
INSERT INTO webhook_endpoints (team_id, url, description, event_types, secret)
VALUES ($1, $2, $3, $4, $5)
RETURNING
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at;

-- name: get
-- One of a team.
SELECT
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at
FROM webhook_endpoints
WHERE team_id = $1 AND id = $2;

-- name: lock
-- The same, until the transaction ends. Also against who is about to leave an event for it, so that
-- none comes after it was disabled or deleted.
SELECT
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at
FROM webhook_endpoints
WHERE team_id = $1 AND id = $2
FOR UPDATE;

-- name: lock_for_reference
-- Keeps it from being disabled or deleted until the row that refers to it is committed.
SELECT is_enabled
FROM webhook_endpoints
WHERE team_id = $1 AND id = $2
FOR SHARE;

-- name: page_ascending
-- A team's with $2 < id < $3, at most $4, the lowest first.
SELECT
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at
FROM webhook_endpoints
WHERE team_id = $1 AND id > $2 AND id < $3
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at
FROM webhook_endpoints
WHERE team_id = $1 AND id > $2 AND id < $3
ORDER BY id DESC
LIMIT $4;

-- name: update
-- What its team says of it. One that is enabled has no faults yet.
UPDATE webhook_endpoints
SET
    url = $3,
    description = $4,
    event_types = $5,
    disabled_reason = CASE WHEN NOT $6 THEN disabled_reason END,
    failing_since = CASE WHEN is_enabled AND $6 THEN failing_since END,
    is_enabled = $6
WHERE team_id = $1 AND id = $2
RETURNING
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at;

-- name: rotate
-- A new secret, $3; the one before signs beside it for $4 seconds.
UPDATE webhook_endpoints
SET
    previous_secret = secret,
    previous_secret_until = now() + make_interval(secs => $4),
    secret = $3
WHERE team_id = $1 AND id = $2
RETURNING
    id, team_id, url, description, event_types, is_enabled, disabled_reason, failing_since,
    previous_secret_until, created_at, updated_at;

-- name: delete
-- Without its deliveries, which go first.
DELETE FROM webhook_endpoints WHERE team_id = $1 AND id = $2;

-- name: failed
-- An attempt failed: only the first of a row of them is written down. Says whether all have for more
-- than $3 seconds.
WITH first_one AS (
    UPDATE webhook_endpoints SET failing_since = now()
    WHERE team_id = $1 AND id = $2 AND failing_since IS NULL
)
SELECT failing_since < now() - make_interval(secs => $3)
FROM webhook_endpoints
WHERE team_id = $1 AND id = $2;

-- name: answered
-- An attempt succeeded. Mostly there is nothing to write.
UPDATE webhook_endpoints SET failing_since = NULL
WHERE team_id = $1 AND id = $2 AND failing_since IS NOT NULL;

-- name: disable
-- Nothing more is sent, and $3 is why.
UPDATE webhook_endpoints SET is_enabled = false, disabled_reason = $3
WHERE team_id = $1 AND id = $2 AND is_enabled
RETURNING id;
