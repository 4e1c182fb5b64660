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
-- Replaces a hash by a stronger one of the same password, unless the password changed meanwhile.
UPDATE users
SET password_hash = $4
WHERE team_id = $1 AND id = $2 AND password_hash = $3;
