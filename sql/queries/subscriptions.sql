-- name: current
-- The subscription that covers this moment, with its plan; the latest period where several do.
SELECT
    subscriptions.id, subscriptions.team_id, subscriptions.plan_id, subscriptions.status,
    coalesce(subscriptions.total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(subscriptions.total_text_tokens_used, 0) AS total_text_tokens_used,
    subscriptions.current_period_start, subscriptions.current_period_end,
    coalesce(subscriptions.cancel_at_period_end, false) AS cancel_at_period_end,
    plans.name AS plan_name, plans.max_audio_tokens, plans.max_text_tokens
FROM subscriptions
JOIN plans ON plans.id = subscriptions.plan_id
WHERE
    subscriptions.team_id = $1
    AND subscriptions.status IN ('free', 'active')
    AND (subscriptions.current_period_start IS NULL OR subscriptions.current_period_start <= now())
    AND (subscriptions.current_period_end IS NULL OR subscriptions.current_period_end > now())
ORDER BY subscriptions.current_period_start DESC NULLS LAST, subscriptions.id DESC
LIMIT 1;
