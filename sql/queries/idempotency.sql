-- name: claim
-- Take a key of $1: the first to come gets its row, and one whose request died while it ran, $4
-- seconds ago or more; that one gets a new id, so that a request that was only slow changes nothing
-- any more. Nothing otherwise.
INSERT INTO idempotency_keys (actor, key, request_hash)
VALUES ($1, $2, $3)
ON CONFLICT (actor, key) DO UPDATE SET id = excluded.id, created_at = excluded.created_at
WHERE
    idempotency_keys.answer_status IS NULL
    AND idempotency_keys.updated_at < now() - make_interval(secs => $4)
    AND idempotency_keys.request_hash = excluded.request_hash
RETURNING id;

-- name: find
-- What is known of a key.
SELECT request_hash, answer_status, answer_headers, answer_body
FROM idempotency_keys
WHERE actor = $1 AND key = $2;

-- name: complete
-- Keep the answer for the repeats.
UPDATE idempotency_keys
SET answer_status = $2, answer_headers = $3, answer_body = $4
WHERE id = $1;

-- name: release
-- The request failed and changed nothing: the key is free again.
DELETE FROM idempotency_keys WHERE id = $1 AND answer_status IS NULL;

-- name: forget
-- Remove keys older than $1 seconds, at most $2.
DELETE FROM idempotency_keys
WHERE id IN (
    SELECT id FROM idempotency_keys
    WHERE created_at < now() - make_interval(secs => $1)
    ORDER BY created_at
    LIMIT $2
)
RETURNING id;
