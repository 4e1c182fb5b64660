-- name: start
-- Own a session from now on, whose state is one of $3: a new fencing token. The first owner starts
-- the session's clock; the next one takes over from a pause, a drain or a dead or slower owner.
UPDATE sessions
SET
    status = 'in_progress',
    started_at = CASE WHEN status = 'created' THEN now() ELSE started_at END,
    data = (data - 'leaving')
        || jsonb_build_object('fence', coalesce((data->>'fence')::bigint, 0) + 1)
WHERE team_id = $1 AND id = $2 AND status = ANY($3)
RETURNING (data->>'fence')::bigint AS token;

-- name: seize
-- Take a session in progress from the owner with token $3.
UPDATE sessions
SET data = data || jsonb_build_object('fence', $3::bigint + 1)
WHERE
    team_id = $1 AND id = $2 AND status = 'in_progress'
    AND coalesce((data->>'fence')::bigint, 0) = $3
RETURNING (data->>'fence')::bigint AS token;

-- name: in_progress
-- Sessions of $1 and above $2 that are in progress, or may come to be. One that was created a day
-- ago and never opened is left out. Nothing of `data` is read: this is asked every few seconds.
SELECT id, team_id, status
FROM sessions
WHERE
    (id = ANY($1::bigint[]) OR id > $2)
    AND (
        status IN ('in_progress', 'paused')
        OR (status = 'created' AND created_at > now() - interval '1 day')
    )
ORDER BY id;

-- name: tokens
-- The newest fencing tokens of those of the sessions $1 that are in progress.
SELECT id, coalesce((data->>'fence')::bigint, 0) AS token
FROM sessions
WHERE id = ANY($1::bigint[]) AND status = 'in_progress';

-- name: begin_leg
-- This owner's first sample stands at $4 ms of the session, at $5 ms of Unix time. The clock runs
-- again, so a pause is over.
UPDATE sessions
SET data = (data - 'paused_at_ms') || jsonb_build_object('legs', CASE
    WHEN coalesce(data->'legs', '[]') @> jsonb_build_array(jsonb_build_object('token', $3::bigint))
    THEN data->'legs'
    ELSE coalesce(data->'legs', '[]') || jsonb_build_object(
        'token', $3::bigint, 'at_ms', $4::bigint, 'wall_ms', $5::bigint
    )
END)
WHERE team_id = $1 AND id = $2 AND coalesce((data->>'fence')::bigint, 0) <= $3
RETURNING id;

-- name: pause
-- Stop a session's clock at $6 ms, from one of the states $4, unless a newer owner has it.
UPDATE sessions
SET
    status = 'paused',
    duration_minutes = $5,
    data = data || jsonb_build_object('paused_at_ms', $6::bigint)
WHERE
    team_id = $1 AND id = $2 AND status = ANY($4)
    AND coalesce((data->>'fence')::bigint, 0) <= $3
RETURNING id;

-- name: end_created
-- End a session that nobody has opened ($4: why). Only what was in progress is ever completed.
UPDATE sessions
SET
    status = 'failed',
    ended_at = now(),
    data = (CASE WHEN $3 THEN data ELSE data - 'context' END)
        || jsonb_build_object('ended_reason', $4::text)
WHERE team_id = $1 AND id = $2 AND status = 'created'
RETURNING id;

-- name: end_paused
-- End a session that nobody owns ($4: why); its recording is made of its parts by a job.
UPDATE sessions
SET
    status = 'completed',
    ended_at = now(),
    data = (CASE WHEN $3 THEN data ELSE data - 'context' END) || jsonb_build_object(
        'ended_reason', $4::text,
        'recording', jsonb_build_object('state', 'processing'),
        'fence', coalesce((data->>'fence')::bigint, 0) + 1
    )
WHERE team_id = $1 AND id = $2 AND status = 'paused'
RETURNING id;

-- name: end_unopened
-- End up to $2 sessions that were created more than $1 seconds ago and never opened.
WITH unopened AS (
    SELECT id FROM sessions
    WHERE status = 'created' AND created_at < now() - make_interval(secs => $1)
    ORDER BY id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE sessions
SET
    status = 'failed',
    ended_at = now(),
    data = (CASE WHEN $3 THEN data ELSE data - 'context' END) || '{"ended_reason": "lost"}'
WHERE id IN (SELECT id FROM unopened)
RETURNING id;

-- name: leave
-- The owner goes away ($5) and the client may come back to another, unless a newer one has it.
UPDATE sessions
SET duration_minutes = $4, data = data || jsonb_build_object('leaving', $5::text)
WHERE
    team_id = $1 AND id = $2 AND status = 'in_progress'
    AND coalesce((data->>'fence')::bigint, 0) <= $3
RETURNING id;

-- name: set_client_session
-- What the client has set of the session, for the next owner's engine.
UPDATE sessions
SET data = data || jsonb_build_object('client_session', $4::jsonb)
WHERE team_id = $1 AND id = $2 AND coalesce((data->>'fence')::bigint, 0) <= $3
RETURNING id;

-- name: folded
-- How far the transcript is folded, locked until the transaction ends; nothing for an older owner.
SELECT
    coalesce((data->'folded'->>'sequence')::bigint, 0) AS sequence,
    coalesce((data->'folded'->>'order')::float8, '-infinity') AS last_order
FROM sessions
WHERE team_id = $1 AND id = $2 AND coalesce((data->>'fence')::bigint, 0) <= $3
FOR UPDATE;

-- name: append_lines
-- Fold lines $3 that come after every folded one.
UPDATE sessions
SET data = data || jsonb_build_object('transcript', (data->'transcript') || $3, 'folded', $4::jsonb)
WHERE team_id = $1 AND id = $2;

-- name: merge_lines
-- Fold lines $3 of which some replace folded ones or stand between them.
UPDATE sessions
SET data = data || jsonb_build_object('folded', $4::jsonb, 'transcript', (
    SELECT jsonb_agg(latest.line ORDER BY (latest.line->>'order')::float8)
    FROM (
        SELECT DISTINCT ON (both_.line->>'item_id') both_.line
        FROM (
            SELECT line, false AS newer FROM jsonb_array_elements(data->'transcript') AS line
            UNION ALL
            SELECT line, true AS newer FROM jsonb_array_elements($3) AS line
        ) AS both_
        ORDER BY both_.line->>'item_id', both_.newer DESC
    ) AS latest
))
WHERE team_id = $1 AND id = $2;

-- name: finish
-- End a session from one of the states $4, unless a newer owner has it.
UPDATE sessions
SET
    status = $5,
    ended_at = greatest(started_at, now() - make_interval(secs => $9)),
    duration_minutes = $6,
    data = (CASE WHEN $8 THEN data ELSE data - 'context' END) - 'leaving' || $7::jsonb
WHERE
    team_id = $1 AND id = $2 AND status = ANY($4)
    AND coalesce((data->>'fence')::bigint, 0) <= $3
RETURNING id;

-- name: set_recording
-- Say where the recording stands, unless a newer owner has the session, or somebody erased it.
UPDATE sessions
SET data = data || jsonb_build_object('recording', $4::jsonb, 'audio_url', $5::text)
WHERE
    team_id = $1 AND id = $2 AND coalesce((data->>'fence')::bigint, 0) <= $3
    AND data->'recording'->>'state' IS DISTINCT FROM 'removed'
RETURNING id;

-- name: leave_part
-- A part of the recording, $3, has just been finished. Where the recording was made without it, it
-- is left for the job that clears away.
UPDATE sessions
SET data = jsonb_set(data, '{recording,has_leftovers}', 'true')
WHERE
    team_id = $1 AND id = $2 AND ended_at IS NOT NULL
    AND data->'recording'->>'state' IN ('ready', 'truncated')
    AND data->'recording'->>'key' <> $3;
