-- name: lock_before
-- What a new subscription of a team stands beside, locked until the transaction ends: those that
-- are not over, and the newest. The team is locked, so none is added meanwhile.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE
    team_id = $1
    AND (
        status IN ('free', 'active')
        OR id = (SELECT max(id) FROM subscriptions WHERE team_id = $1)
    )
ORDER BY id
FOR NO KEY UPDATE;

-- name: clock
-- When the transaction began, by the clock that says what is current.
SELECT now();

-- name: insert
-- A subscription from $6 to $7 of which $4 and $5 are used already.
INSERT INTO subscriptions (
    team_id, plan_id, status, total_audio_tokens_used, total_text_tokens_used,
    current_period_start, current_period_end
)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id;

-- name: lock
-- One of a team's, locked until the transaction ends.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE team_id = $1 AND id = $2
FOR NO KEY UPDATE;

-- name: change_plan
-- The plan $3 and its status $4, from that status or one of $5.
UPDATE subscriptions SET plan_id = $3, status = $4
WHERE team_id = $1 AND id = $2 AND (status = $4 OR status = ANY($5))
RETURNING id;

-- name: cancel_at_end
-- Let a subscription end with its period.
UPDATE subscriptions SET cancel_at_period_end = true
WHERE
    team_id = $1 AND id = $2
    AND status IN ('free', 'active') AND current_period_end IS NOT NULL
RETURNING id;

-- name: reactivate
-- Let it go on after all, while its period lasts.
UPDATE subscriptions SET cancel_at_period_end = false
WHERE
    team_id = $1 AND id = $2
    AND status IN ('free', 'active') AND current_period_end > now()
RETURNING id;

-- name: adjust
-- Add to what is used, or take off, but not more than there is.
UPDATE subscriptions
SET
    total_audio_tokens_used = greatest(0, coalesce(total_audio_tokens_used, 0) + $3),
    total_text_tokens_used = greatest(0, coalesce(total_text_tokens_used, 0) + $4)
WHERE team_id = $1 AND id = $2 AND status IN ('free', 'active')
RETURNING id;

-- name: add_change
-- Write down what was done to a subscription, and by whom.
INSERT INTO subscription_changes (
    team_id, subscription_id, actor, change, plan_name, audio_tokens, text_tokens, reason
)
SELECT $1, $2, $3, $4, coalesce((SELECT name FROM plans WHERE id = $5), ''), $6, $7, $8;
