-- name: count_open
-- Open sessions of a team, and of one of its users ($2), without session $4. One that was created but
-- not opened within $3 seconds holds no slot: its client secret has expired.
SELECT count(*) AS team_count, count(*) FILTER (WHERE user_id = $2) AS user_count
FROM sessions
WHERE
    team_id = $1
    AND id IS DISTINCT FROM $4
    AND (
        status IN ('in_progress', 'paused')
        OR (status = 'created' AND created_at > now() - make_interval(secs => $3))
    );

-- name: insert
-- A session that nobody has opened yet. `started_at` is set again when it opens.
INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)
VALUES ($2, $1, $3, 'created', now(), $4, $5)
RETURNING
    id, user_id, team_id, agent_id, status, started_at, ended_at, duration_minutes, data, usage,
    created_at, updated_at;

-- name: get
-- One session of a team.
SELECT
    id, user_id, team_id, agent_id, status, started_at, ended_at, duration_minutes, data, usage,
    created_at, updated_at
FROM sessions
WHERE team_id = $1 AND id = $2;
