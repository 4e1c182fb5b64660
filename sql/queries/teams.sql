-- name: get
-- One team.
SELECT id, label, name, created_at, updated_at
FROM team
WHERE id = $1;

-- name: lock_for_session
-- Makes the creations of a team's sessions wait for one another, and keeps the team from being deleted.
SELECT id
FROM team
WHERE id = $1
FOR NO KEY UPDATE;

-- name: lock_for_reference
-- Keeps a team from being deleted until the row that refers to it is committed.
SELECT id
FROM team
WHERE id = $1
FOR KEY SHARE;
