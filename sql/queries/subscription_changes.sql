-- name: page_ascending
-- What was done to the subscription $2 of a team, with $3 < id < $4, at most $5, the oldest first.
SELECT
    id, subscription_id, actor, change, plan_name, audio_tokens, text_tokens, reason,
    created_at
FROM subscription_changes
WHERE team_id = $1 AND subscription_id = $2 AND id > $3 AND id < $4
ORDER BY id
LIMIT $5;

-- name: page_descending
-- The same, the newest first.
SELECT
    id, subscription_id, actor, change, plan_name, audio_tokens, text_tokens, reason,
    created_at
FROM subscription_changes
WHERE team_id = $1 AND subscription_id = $2 AND id > $3 AND id < $4
ORDER BY id DESC
LIMIT $5;
