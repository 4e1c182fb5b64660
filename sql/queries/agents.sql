-- name: get
-- One agent that a team may use: its own, or a built-in.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, created_at, updated_at
FROM ai_agents
WHERE id = $2 AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL;

-- name: by_name
-- One agent by its name: the team's own before a built-in, the oldest where a name repeats.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, created_at, updated_at
FROM ai_agents
WHERE name = $2 AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL
ORDER BY (team_id = $1) IS NOT TRUE, id
LIMIT 1;

-- name: page_ascending
-- Agents that a team may use with $2 < id < $3, at most $4, the lowest first.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, created_at, updated_at
FROM ai_agents
WHERE (team_id = $1 OR is_built_in) AND deleted_at IS NULL AND id > $2 AND id < $3
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, created_at, updated_at
FROM ai_agents
WHERE (team_id = $1 OR is_built_in) AND deleted_at IS NULL AND id > $2 AND id < $3
ORDER BY id DESC
LIMIT $4;

-- name: lock_for_reference
-- Keeps an agent from being deleted until the row that refers to it is committed.
SELECT id
FROM ai_agents
WHERE id = $2 AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL
FOR KEY SHARE;
