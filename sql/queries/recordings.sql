-- name: unfinished
-- Up to $1 ended sessions above id $2 whose recording is to be made ($3), or of which more than the
-- object is left on Spaces, among the rows written within $4 seconds. `rested_s` is how long the
-- recording has been anybody's to take, but for a host that has said that it holds the spool.
SELECT
    team_id,
    id AS session_id,
    data->'recording'->>'state' <> $3 AS is_made,
    extract(epoch FROM now() - coalesce(
        to_timestamp((data->'recording'->>'next_at')::float8), updated_at
    ))::float8 AS rested_s,
    coalesce(
        (data->'recording'->>'spooled_until')::float8 > extract(epoch FROM now()), false
    ) AS is_spooled
FROM sessions
WHERE
    id > $2
    AND ended_at IS NOT NULL
    AND updated_at > now() - make_interval(secs => $4)
    AND (data->'recording'->>'state' = $3 OR data->'recording'->>'has_leftovers' = 'true')
    AND coalesce((data->'recording'->>'next_at')::float8, 0) <= extract(epoch FROM now())
ORDER BY id LIMIT $1;

-- name: announce_spool
-- For $3 seconds the recordings of the sessions $1 lie in a spool, which nobody else is to do
-- without. One that was announced within the first half of that time is left as it is.
UPDATE sessions
SET data = data || jsonb_build_object('recording', (data->'recording') || jsonb_build_object(
    'spooled_until', extract(epoch FROM now()) + $3::float8
))
WHERE
    id = ANY($1) AND ended_at IS NOT NULL
    AND data->'recording'->>'state' = $2
    AND coalesce((data->'recording'->>'spooled_until')::float8, 0)
        < extract(epoch FROM now()) + $3::float8 / 2;

-- name: claim
-- Take the making of a recording for $4 seconds. The moment is the claim's token: a count would
-- begin again when an owner that was thought dead writes its recording's state. A claim that ran
-- out, where nobody put the recording back, counts as a fault of it.
UPDATE sessions
SET data = data || jsonb_build_object('recording', (data->'recording') || jsonb_build_object(
    'attempts', coalesce((data->'recording'->>'attempts')::bigint, 0) + 1,
    'faults', coalesce((data->'recording'->>'faults')::bigint, 0)
        + CASE WHEN data->'recording'->>'claim' IS NULL THEN 0 ELSE 1 END,
    'claim', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    'next_at', extract(epoch FROM now()) + $4::float8
))
WHERE
    team_id = $1 AND id = $2 AND ended_at IS NOT NULL
    AND data->'recording'->>'state' = $3
    AND coalesce((data->'recording'->>'next_at')::float8, 0) <= extract(epoch FROM now())
RETURNING
    (data->'recording'->>'claim')::bigint AS token,
    (data->'recording'->>'attempts')::bigint AS attempts,
    (data->'recording'->>'faults')::bigint AS faults,
    coalesce((data->>'fence')::bigint, 0) AS fence,
    status = 'failed' AND coalesce(data->>'ended_reason' = 'lost', false) AS is_lost,
    data->'legs' AS legs;

-- name: postpone
-- Set the end of a claim: later ($6) while the work goes on, or with $7 give it up, with $8 faults.
UPDATE sessions
SET data = data || jsonb_build_object('recording', (data->'recording') || jsonb_build_object(
    'faults', coalesce((data->'recording'->>'faults')::bigint, 0) + $8::bigint,
    'claim', CASE WHEN $7::boolean THEN NULL ELSE $4::bigint END,
    'next_at', extract(epoch FROM now()) + $6::float8
))
WHERE
    team_id = $1 AND id = $2
    AND data->'recording'->>'state' = $3
    AND (data->'recording'->>'claim')::bigint = $4
    AND coalesce((data->>'fence')::bigint, 0) = $5
RETURNING id;

-- name: close
-- Say how the recording ended ($6) and where it is ($7), unless somebody else took it.
UPDATE sessions
SET data = data || jsonb_build_object('recording', $6::jsonb, 'audio_url', $7::text)
WHERE
    team_id = $1 AND id = $2
    AND data->'recording'->>'state' = $3
    AND (data->'recording'->>'claim')::bigint = $4
    AND coalesce((data->>'fence')::bigint, 0) = $5
RETURNING id;

-- name: made
-- The recording of an ended session, once it is made.
SELECT data->'recording' AS recording
FROM sessions
WHERE
    team_id = $1 AND id = $2 AND ended_at IS NOT NULL AND data->'recording'->>'state' <> $3;

-- name: cleaned
-- Nothing but the object is left on Spaces.
UPDATE sessions
SET data = data || jsonb_build_object('recording', (data->'recording') - 'has_leftovers')
WHERE team_id = $1 AND id = $2 AND data->'recording'->>'state' <> $3;

-- name: closed
-- Which of the sessions $1 have ended, with a recording in one of the states $2.
SELECT id FROM sessions
WHERE id = ANY($1) AND ended_at IS NOT NULL AND data->'recording'->>'state' = ANY($2);
