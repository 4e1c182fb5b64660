-- name: totals
-- What a team used from the day $2 to the day $3, both included.
SELECT
    coalesce(sum(audio_tokens), 0) AS audio_tokens, coalesce(sum(text_tokens), 0) AS text_tokens,
    coalesce(sum(minutes), 0) AS minutes, coalesce(sum(sessions), 0)::bigint AS sessions
FROM usage_days
WHERE team_id = $1 AND day BETWEEN $2 AND $3;

-- name: by_day
-- The same for each day, the first ones first, at most $4.
SELECT
    day AS key,
    sum(audio_tokens) AS audio_tokens, sum(text_tokens) AS text_tokens,
    sum(minutes) AS minutes, sum(sessions)::bigint AS sessions
FROM usage_days
WHERE team_id = $1 AND day BETWEEN $2 AND $3
GROUP BY day
ORDER BY day
LIMIT $4;

-- name: by_agent
-- The same for each agent, those that used most first, at most $4.
SELECT
    agent_id AS key,
    sum(audio_tokens) AS audio_tokens, sum(text_tokens) AS text_tokens,
    sum(minutes) AS minutes, sum(sessions)::bigint AS sessions
FROM usage_days
WHERE team_id = $1 AND day BETWEEN $2 AND $3
GROUP BY agent_id
ORDER BY sum(audio_tokens) + sum(text_tokens) DESC, agent_id
LIMIT $4;

-- name: by_user
-- The same for each user, those that used most first, at most $4.
SELECT
    user_id AS key,
    sum(audio_tokens) AS audio_tokens, sum(text_tokens) AS text_tokens,
    sum(minutes) AS minutes, sum(sessions)::bigint AS sessions
FROM usage_days
WHERE team_id = $1 AND day BETWEEN $2 AND $3
GROUP BY user_id
ORDER BY sum(audio_tokens) + sum(text_tokens) DESC, user_id
LIMIT $4;

-- name: totals_of_all
-- What all teams used from the day $1 to the day $2, both included.
SELECT
    coalesce(sum(audio_tokens), 0) AS audio_tokens, coalesce(sum(text_tokens), 0) AS text_tokens,
    coalesce(sum(minutes), 0) AS minutes, coalesce(sum(sessions), 0)::bigint AS sessions
FROM usage_days
WHERE day BETWEEN $1 AND $2;

-- name: by_day_of_all
-- The same for each day, the first ones first, at most $3.
SELECT
    day AS key,
    sum(audio_tokens) AS audio_tokens, sum(text_tokens) AS text_tokens,
    sum(minutes) AS minutes, sum(sessions)::bigint AS sessions
FROM usage_days
WHERE day BETWEEN $1 AND $2
GROUP BY day
ORDER BY day
LIMIT $3;

-- name: by_team_of_all
-- The same for each team, those that used most first, at most $3.
SELECT
    team_id AS key,
    sum(audio_tokens) AS audio_tokens, sum(text_tokens) AS text_tokens,
    sum(minutes) AS minutes, sum(sessions)::bigint AS sessions
FROM usage_days
WHERE day BETWEEN $1 AND $2
GROUP BY team_id
ORDER BY sum(audio_tokens) + sum(text_tokens) DESC, team_id
LIMIT $3;
