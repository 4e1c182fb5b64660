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

-- name: lock_for_update
-- One team, which nobody else changes or deletes until the transaction ends.
SELECT id, label, name, created_at, updated_at
FROM team
WHERE id = $1
FOR NO KEY UPDATE;

-- name: lock_for_delete
-- Waits for everybody who refers to the team, and lets nobody else.
SELECT id
FROM team
WHERE id = $1
FOR UPDATE;

-- name: insert
-- A team, unless there is one of this name.
INSERT INTO team (name, label)
VALUES ($1, $2)
ON CONFLICT (name) DO NOTHING
RETURNING id, label, name, created_at, updated_at;

-- name: update
-- A team's names.
UPDATE team
SET name = $2, label = $3
WHERE id = $1
RETURNING id, label, name, created_at, updated_at;

-- name: count_referrers
-- What refers to a team ($1), each counted up to $2.
SELECT
    (SELECT count(*) FROM (SELECT FROM users WHERE team_id = $1 LIMIT $2) AS found) AS users,
    (SELECT count(*) FROM (SELECT FROM ai_agents WHERE team_id = $1 LIMIT $2) AS found) AS agents,
    (SELECT count(*) FROM (SELECT FROM sessions WHERE team_id = $1 LIMIT $2) AS found) AS sessions,
    (
        SELECT count(*) FROM (SELECT FROM subscriptions WHERE team_id = $1 LIMIT $2) AS found
    ) AS subscriptions,
    (SELECT count(*) FROM (SELECT FROM feedbacks WHERE team_id = $1 LIMIT $2) AS found) AS feedbacks,
    (
        SELECT count(*) FROM (SELECT FROM webhook_endpoints WHERE team_id = $1 LIMIT $2) AS found
    ) AS "webhook endpoints";

-- name: delete
-- A team that is locked, and that nothing refers to.
DELETE FROM team WHERE id = $1;

-- name: all_ascending
-- Teams with $1 < id < $2, at most $3, whose names begin with $4, the lowest first.
SELECT id, label, name, created_at, updated_at
FROM team
WHERE id > $1 AND id < $2 AND ($4::varchar IS NULL OR starts_with(name, $4))
ORDER BY id
LIMIT $3;

-- name: all_descending
-- The same, the highest first.
SELECT id, label, name, created_at, updated_at
FROM team
WHERE id > $1 AND id < $2 AND ($4::varchar IS NULL OR starts_with(name, $4))
ORDER BY id DESC
LIMIT $3;
