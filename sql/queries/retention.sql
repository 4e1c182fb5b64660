-- name: need_uploads
-- Of the sessions $1 those that may still need their uploads: they run, or their recording is being
-- made, or it could not be made and waits for a person.
SELECT id
FROM sessions
WHERE
    id = ANY($1::bigint[])
    AND (
        ended_at IS NULL
        OR data->'recording'->>'state' IN ('recording', 'processing', 'failed')
    );

-- name: last_id
-- How far the windows go.
SELECT coalesce(max(id), 0) FROM sessions;

-- name: with_old_audio
-- Sessions with $1 < id <= $2 that ended more than $3 days ago and whose audio is still there.
SELECT team_id, id AS session_id
FROM sessions
WHERE
    id > $1 AND id <= $2 AND ended_at < now() - make_interval(days => $3)
    AND data->'recording'->>'state' IN ('ready', 'truncated', 'failed')
ORDER BY id;

-- name: audio_removed
-- A session's audio is no longer there; who still makes its recording has lost it.
UPDATE sessions
SET data = data || jsonb_build_object(
    'audio_url', NULL,
    'recording', (coalesce(data->'recording', '{}') - '{has_leftovers,claim,next_at,url}'::text[])
        || jsonb_build_object('state', $3::text)
)
WHERE team_id = $1 AND id = $2;

-- name: remove_transcripts
-- Forget what was said, and what the client gave and set, in sessions with $1 < id <= $2 that ended more than $3
-- days ago.
UPDATE sessions
SET data = (data - '{context,client_session}'::text[]) || jsonb_build_object(
    'transcript', '[]'::jsonb, 'transcript_removed_at', now()
)
WHERE
    id > $1 AND id <= $2 AND ended_at < now() - make_interval(days => $3)
    AND (NOT data ? 'transcript_removed_at' OR data ?| '{context,client_session}')
RETURNING id;
