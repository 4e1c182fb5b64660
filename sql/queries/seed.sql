-- name: lock
-- Let one start seed at a time.
SELECT pg_advisory_xact_lock($1);

-- name: find_team
-- The team that the first start made.
SELECT id FROM team WHERE name = $1;

-- name: insert_team
-- Make the team.
INSERT INTO team (label, name) VALUES ($1, $2) RETURNING id;

-- name: insert_user
-- Make a user who signs in with a password.
INSERT INTO users (team_id, email, display_name, password_hash, settings)
VALUES ($1, $2, $3, $4, '{}');

-- name: insert_plan
-- Make a plan; one of that name stays as it is.
INSERT INTO plans (
    name, description, max_audio_tokens, max_text_tokens, monthly_price, annual_price
)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO NOTHING;

-- name: insert_subscription
-- Subscribe a team to a plan for a month from now.
INSERT INTO subscriptions (team_id, plan_id, status, current_period_start, current_period_end)
SELECT $1, id, 'active', now(), now() + interval '1 month' FROM plans WHERE name = $2;

-- name: insert_built_in_agent
-- Make an agent for everybody; one of that name stays as it is.
INSERT INTO ai_agents (name, description, persona_prompt, system_prompt, is_built_in, settings)
SELECT $1::varchar, $2, $3, $4, true, '{}'
WHERE NOT EXISTS (SELECT FROM ai_agents WHERE is_built_in AND name = $1::varchar);
