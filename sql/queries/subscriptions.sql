-- name: current
-- The subscription that covers this moment, with its plan; the latest period where several do.
SELECT
    subscriptions.id, subscriptions.team_id, subscriptions.plan_id, subscriptions.status,
    coalesce(subscriptions.total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(subscriptions.total_text_tokens_used, 0) AS total_text_tokens_used,
    subscriptions.current_period_start, subscriptions.current_period_end,
    coalesce(subscriptions.cancel_at_period_end, false) AS cancel_at_period_end,
    plans.name AS plan_name, plans.max_audio_tokens, plans.max_text_tokens,
    (
        SELECT count(*) FROM subscription_changes
        WHERE subscription_id = subscriptions.id AND change = 'adjusted'
    ) AS adjustments
FROM subscriptions
JOIN plans ON plans.id = subscriptions.plan_id
WHERE
    subscriptions.team_id = $1
    AND subscriptions.status IN ('free', 'active')
    AND (subscriptions.current_period_start IS NULL OR subscriptions.current_period_start <= now())
    AND (
        subscriptions.current_period_end IS NULL
        OR subscriptions.current_period_end > now()
        -- The worker is about to begin its next period: nobody is sent away meanwhile.
        OR (
            subscriptions.current_period_end > now() - make_interval(secs => $2)
            AND NOT coalesce(subscriptions.cancel_at_period_end, false)
        )
    )
ORDER BY subscriptions.current_period_start DESC NULLS LAST, subscriptions.id DESC
LIMIT 1;

-- name: ended
-- Subscriptions whose period has ended and that nobody has turned.
SELECT id, team_id, extract(epoch FROM now() - current_period_end)::float8 AS ended_s_ago
FROM subscriptions
WHERE status IN ('free', 'active') AND current_period_end <= now()
ORDER BY current_period_end, id
LIMIT $1;

-- name: lock_due
-- One of these, locked until the transaction ends; nothing when it was turned meanwhile.
SELECT
    id, team_id, status, current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end,
    EXISTS (SELECT FROM plans WHERE plans.id = plan_id) AS has_plan,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    now() AS now
FROM subscriptions
WHERE
    team_id = $1 AND id = $2
    AND status IN ('free', 'active') AND current_period_end <= now()
FOR UPDATE;

-- name: begin_period
-- The next period from $3 to $4: nothing is used yet.
UPDATE subscriptions
SET
    current_period_start = $3,
    current_period_end = $4,
    total_audio_tokens_used = 0,
    total_text_tokens_used = 0
WHERE team_id = $1 AND id = $2;

-- name: end
-- Cancel or expire a subscription ($3), from one of the states $4.
UPDATE subscriptions SET status = $3
WHERE team_id = $1 AND id = $2 AND status = ANY($4)
RETURNING id;

-- name: changed_lately
-- Teams of which, within $1 seconds, a period began, a subscription was changed or ended, or the
-- plan of a subscription was changed.
SELECT team_id
FROM subscriptions
WHERE
    updated_at > now() - make_interval(secs => $1)
    AND (
        status IN ('cancelled', 'expired')
        OR current_period_start > now() - make_interval(secs => $1)
    )
UNION
SELECT team_id FROM subscription_changes WHERE created_at > now() - make_interval(secs => $1)
UNION
SELECT subscriptions.team_id
FROM plans
JOIN subscriptions ON subscriptions.plan_id = plans.id
WHERE
    plans.updated_at > now() - make_interval(secs => $1)
    AND plans.updated_at > plans.created_at
    AND subscriptions.status IN ('free', 'active');

-- name: teams_of_plan
-- Up to $2 teams that have the plan $1.
SELECT DISTINCT team_id FROM subscriptions
WHERE plan_id = $1 AND status IN ('free', 'active')
LIMIT $2;

-- name: get
-- One of a team's.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE team_id = $1 AND id = $2;

-- name: page_ascending
-- Those of a team with $2 < id < $3, at most $4, the lowest first.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE team_id = $1 AND id > $2 AND id < $3
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, team_id, plan_id, status,
    coalesce(total_audio_tokens_used, 0) AS total_audio_tokens_used,
    coalesce(total_text_tokens_used, 0) AS total_text_tokens_used,
    current_period_start, current_period_end,
    coalesce(cancel_at_period_end, false) AS cancel_at_period_end, created_at, updated_at
FROM subscriptions
WHERE team_id = $1 AND id > $2 AND id < $3
ORDER BY id DESC
LIMIT $4;

-- name: all_ascending
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

-- name: all_descending
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
