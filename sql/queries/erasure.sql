-- name: lock
-- Whose session it is and whether it has ended, locked until the transaction ends.
SELECT user_id, status IN ('completed', 'failed') AS has_ended
FROM sessions
WHERE team_id = $1 AND id = $2
FOR UPDATE;

-- name: remember
-- Somebody ($3) erased what was recorded of a session: Spaces is looked through from now on.
INSERT INTO erasures (team_id, session_id, actor)
VALUES ($1, $2, $3)
ON CONFLICT (session_id) DO UPDATE
SET actor = excluded.actor, sweeps = 0, next_at = now();

-- name: forget_transcript
-- What was said goes.
UPDATE sessions
SET data = data || jsonb_build_object('transcript', '[]'::jsonb, 'transcript_removed_at', now())
WHERE team_id = $1 AND id = $2;

-- name: forget_context
-- What the client gave for the session goes, and what it set.
UPDATE sessions
SET data = data - '{context,client_session}'::text[]
WHERE team_id = $1 AND id = $2;

-- name: forget_answers
-- The answers that are kept for the repeats of a user's ($1) request which created session $2: they
-- have its context.
DELETE FROM idempotency_keys
WHERE actor = 'user:' || $1::bigint AND answer_headers->>'Location' = '/v1/sessions/' || $2::bigint;

-- name: detach_feedbacks
-- What users said about the session stays, and no longer names it.
UPDATE feedbacks
SET data = data - 'session_id'
WHERE team_id = $1 AND data @> jsonb_build_object('session_id', $2::bigint);

-- name: delete
-- The row goes, with what it used: the subscription keeps that.
DELETE FROM sessions WHERE team_id = $1 AND id = $2;

-- name: due
-- Up to $1 sessions whose part of Spaces is to be looked through now.
SELECT team_id, session_id
FROM erasures
WHERE next_at <= now()
ORDER BY next_at
LIMIT $1;

-- name: swept
-- Spaces has nothing any more. Of the waits $2 the one for this sweep is next; after the last, none.
UPDATE erasures
SET
    sweeps = sweeps + 1,
    next_at = now() + make_interval(secs => ($2::float8[])[sweeps + 1])
WHERE session_id = $1;

-- name: again
-- Something of an erased session may have come to Spaces just now.
UPDATE erasures SET sweeps = 0, next_at = now() WHERE team_id = $1 AND session_id = $2;

-- name: erased
-- Which of the sessions $1 nobody has a recording of any more.
SELECT session_id FROM erasures WHERE session_id = ANY($1::bigint[]);
