-- name: page_ascending
-- Those of all teams with $1 < id < $2, at most $3, the lowest first; of a status ($4), a plan ($5)
-- and a team ($6) where these are given.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE
    id > $1 AND id < $2
    AND ($4::varchar IS NULL OR status = $4)
    AND ($5::bigint IS NULL OR plan_id = $5)
    AND ($6::bigint IS NULL OR team_id = $6)
ORDER BY id
LIMIT $3;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE
    id > $1 AND id < $2
    AND ($4::varchar IS NULL OR status = $4)
    AND ($5::bigint IS NULL OR plan_id = $5)
    AND ($6::bigint IS NULL OR team_id = $6)
ORDER BY id DESC
LIMIT $3;
