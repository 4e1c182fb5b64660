-- name: last_ids
-- How far the windows of each table go.
SELECT
    (SELECT coalesce(max(id), 0) FROM team) AS team,
    (SELECT coalesce(max(id), 0) FROM users) AS users,
    (SELECT coalesce(max(id), 0) FROM subscriptions) AS subscriptions,
    (SELECT coalesce(max(id), 0) FROM ai_agents) AS ai_agents,
    (SELECT coalesce(max(id), 0) FROM sessions) AS sessions,
    (SELECT coalesce(max(id), 0) FROM feedbacks) AS feedbacks,
    (SELECT coalesce(max(session_id), 0) FROM session_search) AS session_search,
    (
        SELECT greatest(max(google_accounts.user_id), (SELECT max(id) FROM users), 0)
        FROM google_accounts
    ) AS google_accounts,
    (SELECT coalesce(max(id), 0) FROM subscription_changes) AS subscription_changes,
    (SELECT coalesce(max(id), 0) FROM webhook_endpoints) AS webhook_endpoints,
    (SELECT coalesce(max(id), 0) FROM webhook_deliveries) AS webhook_deliveries;

-- name: users_team_id
-- Users with $1 < id <= $2 whose team is gone. The windows of all that follows are the same.
SELECT id AS id FROM users
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = users.team_id)
ORDER BY id;

-- name: subscriptions_team_id
-- Subscriptions whose team is gone.
SELECT id AS id FROM subscriptions
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = subscriptions.team_id)
ORDER BY id;

-- name: subscriptions_plan_id
-- Subscriptions whose plan is gone.
SELECT id AS id FROM subscriptions
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM plans WHERE plans.id = subscriptions.plan_id)
ORDER BY id;

-- name: ai_agents_team_id
-- Agents whose team is gone.
SELECT id AS id FROM ai_agents
WHERE
    id > $1 AND id <= $2
    AND team_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM team WHERE team.id = ai_agents.team_id)
ORDER BY id;

-- name: ai_agents_creator_id
-- Agents whose creator is gone, or is another team's.
SELECT id AS id FROM ai_agents
WHERE
    id > $1 AND id <= $2
    AND creator_id IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users
        WHERE
            users.id = ai_agents.creator_id
            AND users.team_id = coalesce(ai_agents.team_id, users.team_id)
    )
ORDER BY id;

-- name: sessions_team_id
-- Sessions whose team is gone.
SELECT id AS id FROM sessions
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = sessions.team_id)
ORDER BY id;

-- name: sessions_user_id
-- Sessions whose user is gone, or is another team's.
SELECT id AS id FROM sessions
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (
        SELECT FROM users WHERE users.id = sessions.user_id AND users.team_id = sessions.team_id
    )
ORDER BY id;

-- name: sessions_agent_id
-- Sessions whose agent is gone, or is another team's.
SELECT id AS id FROM sessions
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (
        SELECT FROM ai_agents
        WHERE
            ai_agents.id = sessions.agent_id
            AND (ai_agents.is_built_in OR ai_agents.team_id = sessions.team_id)
    )
ORDER BY id;

-- name: feedbacks_team_id
-- Feedbacks whose team is gone.
SELECT id AS id FROM feedbacks
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = feedbacks.team_id)
ORDER BY id;

-- name: feedbacks_user_id
-- Feedbacks whose user is gone, or is another team's.
SELECT id AS id FROM feedbacks
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (
        SELECT FROM users WHERE users.id = feedbacks.user_id AND users.team_id = feedbacks.team_id
    )
ORDER BY id;

-- name: feedbacks_data_session_id
-- Feedbacks about a session that is gone, or is another team's.
SELECT id AS id FROM feedbacks
WHERE
    id > $1 AND id <= $2
    AND feedbacks.data ->> 'session_id' IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM sessions
        WHERE
            sessions.id = CASE
                WHEN feedbacks.data ->> 'session_id' ~ '^[0-9]{1,18}$' THEN (feedbacks.data ->> 'session_id')::bigint
            END
            AND sessions.team_id = feedbacks.team_id
    )
ORDER BY id;

-- name: feedbacks_data_agent_id
-- Feedbacks about an agent that is gone, or is another team's.
SELECT id AS id FROM feedbacks
WHERE
    id > $1 AND id <= $2
    AND data ->> 'agent_id' IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM ai_agents
        WHERE
            ai_agents.id = CASE
                WHEN data ->> 'agent_id' ~ '^[0-9]{1,18}$' THEN (data ->> 'agent_id')::bigint
            END
            AND (ai_agents.is_built_in OR ai_agents.team_id = feedbacks.team_id)
    )
ORDER BY id;

-- name: session_search_session_id
-- Rows of the search whose session is gone.
SELECT session_id AS id FROM session_search
WHERE
    session_id > $1 AND session_id <= $2
    AND NOT EXISTS (SELECT FROM sessions WHERE sessions.id = session_search.session_id)
ORDER BY session_id;

-- name: google_accounts_user_id
-- Users whom a Google account signs in, and who are not those of their rows; and those whose account
-- signs in nobody of their team. Of two of a team that name one, the older has it.
SELECT user_id AS id FROM google_accounts
WHERE
    user_id > $1 AND user_id <= $2
    AND NOT EXISTS (
        SELECT FROM users
        WHERE
            users.id = google_accounts.user_id AND users.team_id = google_accounts.team_id
            AND users.google_id = google_accounts.google_id
    )
UNION
SELECT id FROM users
WHERE
    id > $1 AND id <= $2
    AND google_id IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM google_accounts
        WHERE
            google_accounts.google_id = users.google_id AND google_accounts.team_id = users.team_id
    )
ORDER BY id;

-- name: subscription_changes_team_id
-- What was done to subscriptions of a team that is gone.
SELECT id AS id FROM subscription_changes
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = subscription_changes.team_id)
ORDER BY id;

-- name: subscription_changes_subscription_id
-- What was done to subscriptions that are gone, or are another team's.
SELECT id AS id FROM subscription_changes
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (
        SELECT FROM subscriptions
        WHERE
            subscriptions.id = subscription_changes.subscription_id
            AND subscriptions.team_id = subscription_changes.team_id
    )
ORDER BY id;

-- name: webhook_endpoints_team_id
-- Webhook endpoints whose team is gone.
SELECT id AS id FROM webhook_endpoints
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = webhook_endpoints.team_id)
ORDER BY id;

-- name: webhook_deliveries_team_id
-- Deliveries whose team is gone.
SELECT id AS id FROM webhook_deliveries
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (SELECT FROM team WHERE team.id = webhook_deliveries.team_id)
ORDER BY id;

-- name: webhook_deliveries_endpoint_id
-- Deliveries whose endpoint is gone, or is another team's.
SELECT id AS id FROM webhook_deliveries
WHERE
    id > $1 AND id <= $2
    AND NOT EXISTS (
        SELECT FROM webhook_endpoints
        WHERE
            webhook_endpoints.id = webhook_deliveries.endpoint_id
            AND webhook_endpoints.team_id = webhook_deliveries.team_id
    )
ORDER BY id;

-- name: sessions_not_listed
-- Sessions that no list finds, or finds as what they are not.
SELECT sessions.id FROM sessions
LEFT JOIN session_search ON session_search.session_id = sessions.id
WHERE
    sessions.id > $1 AND sessions.id <= $2
    AND (
        sessions.team_id, sessions.user_id, sessions.agent_id, sessions.status, sessions.started_at
    ) IS DISTINCT FROM (
        session_search.team_id, session_search.user_id, session_search.agent_id,
        session_search.status, session_search.started_at
    )
ORDER BY sessions.id;

-- name: sessions_not_read
-- Sessions that ended an hour ago, and nobody finds what was said in them.
SELECT id AS id FROM sessions
WHERE
    id > $1 AND id <= $2
    AND ended_at < now() - interval '1 hour'
    AND EXISTS (
        SELECT FROM session_search
        WHERE
            session_search.session_id = sessions.id
            AND words IS NULL AND session_search.updated_at < now() - interval '1 hour'
    )
ORDER BY id;

-- name: sessions_ended_at
-- Sessions that have ended without a time of it, or the other way round.
SELECT id AS id FROM sessions
WHERE
    id > $1 AND id <= $2
    AND (status IN ('completed', 'failed')) <> (ended_at IS NOT NULL)
ORDER BY id;

-- name: ai_agents_home
-- Agents that are both built in and a team's, or neither.
SELECT id AS id FROM ai_agents
WHERE
    id > $1 AND id <= $2
    AND is_built_in <> (team_id IS NULL)
ORDER BY id;

-- name: team_subscriptions
-- Teams with several subscriptions that are current at once.
SELECT id AS id FROM team
WHERE
    id > $1 AND id <= $2
    AND (
        SELECT count(*) FROM subscriptions
        WHERE team_id = team.id AND status IN ('free', 'active')
    ) > 1
ORDER BY id;

-- name: sessions_resting
-- Sessions in progress whose rows nobody has written for $3 seconds.
SELECT id, team_id FROM sessions
WHERE
    id > $1 AND id <= $2
    AND status = 'in_progress' AND updated_at < now() - make_interval(secs => $3)
ORDER BY id;
