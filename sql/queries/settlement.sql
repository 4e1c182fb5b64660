-- name: lock_usage
-- A session's settled usage, locked until the transaction ends.
SELECT usage FROM sessions WHERE team_id = $1 AND id = $2 FOR UPDATE;

-- name: write_usage
-- The session's new high-water mark.
UPDATE sessions SET usage = $3 WHERE team_id = $1 AND id = $2;

-- name: charge
-- Add tokens to the subscription that covers this moment, or else to the team's latest.
UPDATE subscriptions
SET
    total_audio_tokens_used = coalesce(total_audio_tokens_used, 0) + $2,
    total_text_tokens_used = coalesce(total_text_tokens_used, 0) + $3
WHERE id = (
    SELECT id FROM subscriptions
    WHERE team_id = $1
    ORDER BY
        status IN ('free', 'active')
        AND coalesce(current_period_start <= now(), true)
        AND coalesce(current_period_end > now(), true) DESC,
        current_period_start DESC NULLS LAST,
        id DESC
    LIMIT 1
)
RETURNING id, current_period_start, total_audio_tokens_used, total_text_tokens_used;

-- name: unsettled
-- Sessions whose usage may still grow.
SELECT team_id, id FROM sessions WHERE status IN ('in_progress', 'paused') AND id > $1
ORDER BY id LIMIT $2;
