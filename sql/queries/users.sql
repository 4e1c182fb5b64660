-- name: by_email
-- The users with an address, one a team, with their team; the oldest first, at most $2. COLLATE "C"
-- folds ASCII letters only: a look-alike in another script is another address.
SELECT
    users.id, users.team_id, users.email, users.display_name, users.password_hash,
    users.created_at, users.updated_at, team.name AS team_name, team.label AS team_label
FROM users
JOIN team ON team.id = users.team_id
WHERE
    users.email IN ($1::varchar, lower($1::varchar COLLATE "C"))
    AND ($3::varchar IS NULL OR team.name = $3)
ORDER BY users.id
LIMIT $2;

-- name: get
-- One user of a team, with the team.
SELECT
    users.id, users.team_id, users.email, users.display_name, users.password_hash,
    users.created_at, users.updated_at, team.name AS team_name, team.label AS team_label
FROM users
JOIN team ON team.id = users.team_id
WHERE users.team_id = $1 AND users.id = $2;

-- name: lock_for_reference
-- Keeps a user from being deleted until the row that refers to it is committed.
SELECT id
FROM users
WHERE team_id = $1 AND id = $2
FOR KEY SHARE;

-- name: set_password_hash
-- Replaces a hash, or none, unless it changed meanwhile.
UPDATE users
SET password_hash = $4
WHERE team_id = $1 AND id = $2 AND password_hash IS NOT DISTINCT FROM $3
RETURNING id;

-- name: by_google
-- The users of a Google account $1 with the address $2, one a team, the oldest first, at most $3.
-- Who is bound to the account stands for its team, whatever address the account has today.
SELECT
    users.id, users.team_id, users.email, users.display_name, users.password_hash,
    users.created_at, users.updated_at, team.name AS team_name, team.label AS team_label
FROM users
JOIN team ON team.id = users.team_id
WHERE
    (
        -- An array, not IN: so both sides of OR are looked up by an index.
        users.id = ANY (ARRAY(SELECT user_id FROM google_accounts WHERE google_id = $1))
        OR (
            users.email IN ($2::varchar, lower($2::varchar COLLATE "C"))
            AND users.google_id IS NULL
            AND NOT EXISTS (
                SELECT FROM google_accounts
                WHERE google_accounts.google_id = $1 AND google_accounts.team_id = users.team_id
            )
        )
    )
    AND ($4::varchar IS NULL OR team.name = $4)
ORDER BY users.id
LIMIT $3;

-- name: bind_google
-- Binds a user to a Google account; one who has another keeps it, and nothing is returned.
UPDATE users
SET google_id = $3
WHERE team_id = $1 AND id = $2 AND (google_id IS NULL OR google_id = $3)
RETURNING id;
