-- name: count_open
-- Open sessions of a team, and of one of its users ($2), without session $4. One that was created but
-- not opened within $3 seconds holds no slot: its client secret has expired. A team may have very
-- many sessions: the open ones stand in a small index of session_search.
SELECT count(*) AS team_count, count(*) FILTER (WHERE sessions.user_id = $2) AS user_count
FROM session_search JOIN sessions ON sessions.id = session_search.session_id
WHERE
    session_search.team_id = $1
    AND session_search.status IN ('created', 'in_progress', 'paused')
    AND session_search.session_id IS DISTINCT FROM $4
    AND (
        sessions.status IN ('in_progress', 'paused')
        OR (sessions.status = 'created' AND sessions.created_at > now() - make_interval(secs => $3))
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
