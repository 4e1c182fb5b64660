-- name: lock_usage
-- A session's settled usage, locked until the transaction ends, and its newest fencing token.
SELECT usage, coalesce((data->>'fence')::bigint, 0) AS fence
FROM sessions WHERE team_id = $1 AND id = $2 FOR UPDATE;

-- name: write_usage
-- The session's new high-water mark.
UPDATE sessions SET usage = $3 WHERE team_id = $1 AND id = $2;

-- name: lock_charged
-- Lock the subscription that covers this moment, or else one that waits for its turn, or else the
-- newest, with whose totals the next one begins. Whoever waits here for one that is then replaced
-- gets the one of before: `charge` looks again.
SELECT id FROM subscriptions
WHERE team_id = $1
ORDER BY
    status IN ('free', 'active')
    AND coalesce(current_period_start <= now(), true)
    AND coalesce(current_period_end > now(), true) DESC,
    status IN ('free', 'active') DESC,
    CASE WHEN status IN ('free', 'active') THEN current_period_start END DESC NULLS LAST,
    id DESC
LIMIT 1
FOR NO KEY UPDATE;

-- name: charge
-- Add tokens to the locked subscription $2, if it still is the one that is charged.
UPDATE subscriptions
SET
    total_audio_tokens_used = coalesce(total_audio_tokens_used, 0) + $3,
    total_text_tokens_used = coalesce(total_text_tokens_used, 0) + $4
WHERE team_id = $1 AND id = $2 AND id = (
    SELECT id FROM subscriptions
    WHERE team_id = $1
    ORDER BY
        status IN ('free', 'active')
        AND coalesce(current_period_start <= now(), true)
        AND coalesce(current_period_end > now(), true) DESC,
        status IN ('free', 'active') DESC,
        CASE WHEN status IN ('free', 'active') THEN current_period_start END DESC NULLS LAST,
        id DESC
    LIMIT 1
)
RETURNING
    id, current_period_start, total_audio_tokens_used, total_text_tokens_used,
    (
        SELECT count(*) FROM subscription_changes
        WHERE subscription_id = subscriptions.id AND change = 'adjusted'
    ) AS adjustments;

-- name: unsettled
-- Sessions whose usage may still grow, and those that ended within $3 seconds: the last settlement
-- of one may have failed.
SELECT team_id, id AS session_id, ended_at IS NOT NULL AS has_ended
FROM sessions
WHERE
    id > $1
    AND (
        status IN ('in_progress', 'paused')
        OR ended_at > now() - make_interval(secs => $3)
    )
ORDER BY id LIMIT $2;

-- name: unsettled_of
-- The same of one team.
SELECT team_id, id AS session_id, ended_at IS NOT NULL AS has_ended
FROM sessions
WHERE
    team_id = $1
    AND (
        status IN ('in_progress', 'paused')
        OR ended_at > now() - make_interval(secs => $2)
    )
ORDER BY id;
