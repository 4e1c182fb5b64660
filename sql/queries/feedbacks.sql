-- name: insert
-- What a user says; the rows that it refers to are locked.
INSERT INTO feedbacks (team_id, user_id, data)
VALUES ($1, $2, $3)
RETURNING id, team_id, user_id, data, created_at, updated_at;

-- name: agent_of_session
-- The agent of a team's session, which cannot be deleted until the row that refers to it is committed.
SELECT agent_id
FROM sessions
WHERE team_id = $1 AND id = $2
FOR KEY SHARE;

-- name: get
-- One feedback of a team.
SELECT id, team_id, user_id, data, created_at, updated_at
FROM feedbacks
WHERE team_id = $1 AND id = $2;

-- name: lock_for_update
-- The same, and nobody else changes or deletes it until the transaction ends.
SELECT id, team_id, user_id, data, created_at, updated_at
FROM feedbacks
WHERE team_id = $1 AND id = $2
FOR UPDATE;

-- name: update
-- What a user says now.
UPDATE feedbacks
SET data = $3
WHERE team_id = $1 AND id = $2
RETURNING id, team_id, user_id, data, created_at, updated_at;

-- name: delete
-- Nothing refers to a feedback.
DELETE FROM feedbacks WHERE team_id = $1 AND id = $2;

-- name: page_ascending
-- Feedbacks of a team with $2 < id < $3, at most $4, the lowest first; of a user ($5), about a session
-- ($6), with a rating ($7) where these are given.
SELECT id, team_id, user_id, data, created_at, updated_at
FROM feedbacks
WHERE
    team_id = $1 AND id > $2 AND id < $3
    AND ($5::bigint IS NULL OR user_id = $5)
    AND ($6::bigint IS NULL OR data @> jsonb_build_object('session_id', $6::bigint))
    AND ($7::bigint IS NULL OR data @> jsonb_build_object('rating', $7::bigint))
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT id, team_id, user_id, data, created_at, updated_at
FROM feedbacks
WHERE
    team_id = $1 AND id > $2 AND id < $3
    AND ($5::bigint IS NULL OR user_id = $5)
    AND ($6::bigint IS NULL OR data @> jsonb_build_object('session_id', $6::bigint))
    AND ($7::bigint IS NULL OR data @> jsonb_build_object('rating', $7::bigint))
ORDER BY id DESC
LIMIT $4;

-- name: all_ascending
-- Feedbacks of all teams with $1 < id < $2, at most $3, the lowest first; filtered as those of a team.
SELECT id, team_id, user_id, data, created_at, updated_at
FROM feedbacks
WHERE
    id > $1 AND id < $2
    AND ($4::bigint IS NULL OR user_id = $4)
    AND ($5::bigint IS NULL OR data @> jsonb_build_object('session_id', $5::bigint))
    AND ($6::bigint IS NULL OR data @> jsonb_build_object('rating', $6::bigint))
ORDER BY id
LIMIT $3;

-- name: all_descending
-- The same, the highest first.
SELECT id, team_id, user_id, data, created_at, updated_at
FROM feedbacks
WHERE
    id > $1 AND id < $2
    AND ($4::bigint IS NULL OR user_id = $4)
    AND ($5::bigint IS NULL OR data @> jsonb_build_object('session_id', $5::bigint))
    AND ($6::bigint IS NULL OR data @> jsonb_build_object('rating', $6::bigint))
ORDER BY id DESC
LIMIT $3;
