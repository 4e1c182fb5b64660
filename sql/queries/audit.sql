-- name: add
-- Somebody is about to do something to a team ($1), or to the platform.
INSERT INTO audit_entries (team_id, actor, actor_email, method, route, target, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id;

-- name: complete
-- How it ended.
UPDATE audit_entries SET status = $2 WHERE id = $1;

-- name: page_ascending
-- What was done to a team, with $2 < id < $3, at most $4, the lowest first.
SELECT
    id, team_id, actor, actor_email, method, route, target, status, request_id, created_at,
    updated_at
FROM audit_entries
WHERE team_id = $1 AND id > $2 AND id < $3
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, team_id, actor, actor_email, method, route, target, status, request_id, created_at,
    updated_at
FROM audit_entries
WHERE team_id = $1 AND id > $2 AND id < $3
ORDER BY id DESC
LIMIT $4;

-- name: all_ascending
-- What was done to any team ($4) and to the platform, by anybody ($5), with $1 < id < $2, at most $3,
-- the lowest first.
SELECT
    id, team_id, actor, actor_email, method, route, target, status, request_id, created_at,
    updated_at
FROM audit_entries
WHERE
    id > $1 AND id < $2
    AND ($4::bigint IS NULL OR team_id = $4)
    AND ($5::varchar IS NULL OR actor = $5)
ORDER BY id
LIMIT $3;

-- name: all_descending
-- The same, the highest first.
SELECT
    id, team_id, actor, actor_email, method, route, target, status, request_id, created_at,
    updated_at
FROM audit_entries
WHERE
    id > $1 AND id < $2
    AND ($4::bigint IS NULL OR team_id = $4)
    AND ($5::varchar IS NULL OR actor = $5)
ORDER BY id DESC
LIMIT $3;
