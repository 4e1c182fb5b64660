-- name: get
-- One user of a team.
SELECT
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at
FROM users
WHERE team_id = $1 AND id = $2;

-- name: lock_for_update
-- The same, and nobody else changes or deletes the row until the transaction ends.
SELECT
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at
FROM users
WHERE team_id = $1 AND id = $2
FOR NO KEY UPDATE;

-- name: lock_for_delete
-- Waits for everybody who refers to the user, and lets nobody else.
SELECT id
FROM users
WHERE team_id = $1 AND id = $2
FOR UPDATE;

-- name: page_ascending
-- Users of a team with $2 < id < $3, at most $4, of an address ($5) where one is given, the lowest
-- first.
SELECT
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at
FROM users
WHERE team_id = $1 AND id > $2 AND id < $3 AND ($5::varchar IS NULL OR email = $5)
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at
FROM users
WHERE team_id = $1 AND id > $2 AND id < $3 AND ($5::varchar IS NULL OR email = $5)
ORDER BY id DESC
LIMIT $4;

-- name: all_ascending
-- Users of all teams with $1 < id < $2, at most $3, of an address ($4) where one is given, the lowest
-- first.
SELECT
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at
FROM users
WHERE id > $1 AND id < $2 AND ($4::varchar IS NULL OR email = $4)
ORDER BY id
LIMIT $3;

-- name: all_descending
-- The same, the highest first.
SELECT
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at
FROM users
WHERE id > $1 AND id < $2 AND ($4::varchar IS NULL OR email = $4)
ORDER BY id DESC
LIMIT $3;

-- name: insert
-- A user of a team, unless it has one of this address.
INSERT INTO users (team_id, email, display_name, password_hash, settings)
VALUES ($1, $2, $3, $4, '{}')
ON CONFLICT (team_id, email) DO NOTHING
RETURNING
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at;

-- name: update
-- What may change of a user without a secret.
UPDATE users
SET email = $3, display_name = $4, settings = $5
WHERE team_id = $1 AND id = $2
RETURNING
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at;

-- name: anonymize
-- Nothing of the person stays, and nobody can sign in; what refers to the row still does.
UPDATE users
SET email = $3, display_name = $4, password_hash = NULL, google_id = NULL, settings = '{}'
WHERE team_id = $1 AND id = $2
RETURNING
    id, team_id, email, display_name, password_hash IS NOT NULL AS has_password,
    google_id IS NOT NULL AS has_google, settings, created_at, updated_at;

-- name: count_referrers
-- What refers to a user ($1), each counted up to $2.
SELECT
    (SELECT count(*) FROM (SELECT FROM sessions WHERE user_id = $1 LIMIT $2) AS found) AS sessions,
    (SELECT count(*) FROM (SELECT FROM ai_agents WHERE creator_id = $1 LIMIT $2) AS found) AS agents,
    (SELECT count(*) FROM (SELECT FROM feedbacks WHERE user_id = $1 LIMIT $2) AS found) AS feedbacks;

-- name: delete
-- A user who is locked, and whom nothing refers to.
DELETE FROM users WHERE team_id = $1 AND id = $2;
