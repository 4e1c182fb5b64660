-- name: get
-- One agent that a team may use: its own, or a built-in.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE id = $2 AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL;

-- name: by_name
-- One agent by its name: the team's own before a built-in, the oldest where a name repeats. The
-- first condition on the team is there for its index.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE
    name = $2 AND (team_id = $1 OR team_id IS NULL)
    AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL
ORDER BY (team_id = $1) IS NOT TRUE, id
LIMIT 1;

-- name: page_ascending
-- Agents that a team may use with $2 < id < $3, at most $4, the lowest first; of a name ($5), of a
-- creator ($6), built-in or not ($7) where these are given.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE
    (team_id = $1 OR team_id IS NULL) AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL
    AND id > $2 AND id < $3
    AND ($5::varchar IS NULL OR name = $5)
    AND ($6::bigint IS NULL OR creator_id = $6)
    AND ($7::boolean IS NULL OR is_built_in = $7)
ORDER BY id
LIMIT $4;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE
    (team_id = $1 OR team_id IS NULL) AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL
    AND id > $2 AND id < $3
    AND ($5::varchar IS NULL OR name = $5)
    AND ($6::bigint IS NULL OR creator_id = $6)
    AND ($7::boolean IS NULL OR is_built_in = $7)
ORDER BY id DESC
LIMIT $4;

-- name: all_page_ascending
-- Agents of all teams and built-in ones with $1 < id < $2, at most $3, the lowest first; of a name
-- ($4), of a creator ($5), built-in or not ($6), of a team ($7), deleted or not ($8) where given.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE
    id > $1 AND id < $2
    AND ($4::varchar IS NULL OR name = $4)
    AND ($5::bigint IS NULL OR creator_id = $5)
    AND ($6::boolean IS NULL OR is_built_in = $6)
    AND ($7::bigint IS NULL OR team_id = $7)
    AND ($8::boolean IS NULL OR (deleted_at IS NOT NULL) = $8)
ORDER BY id
LIMIT $3;

-- name: all_page_descending
-- The same, the highest first.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE
    id > $1 AND id < $2
    AND ($4::varchar IS NULL OR name = $4)
    AND ($5::bigint IS NULL OR creator_id = $5)
    AND ($6::boolean IS NULL OR is_built_in = $6)
    AND ($7::bigint IS NULL OR team_id = $7)
    AND ($8::boolean IS NULL OR (deleted_at IS NOT NULL) = $8)
ORDER BY id DESC
LIMIT $3;

-- name: lock_for_reference
-- Keeps an agent from being deleted until the row that refers to it is committed.
SELECT id
FROM ai_agents
WHERE id = $2 AND (team_id = $1 OR is_built_in) AND deleted_at IS NULL
FOR KEY SHARE;

-- name: insert
-- An agent of a team, or without one ($1) a built-in.
INSERT INTO ai_agents (
    team_id, creator_id, name, description, persona_prompt, system_prompt, is_built_in, settings
)
VALUES ($1, $2, $3, $4, $5, $6, $1::bigint IS NULL, $7)
RETURNING
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at;

-- name: lock_for_change
-- An agent that belongs to a team, or without one ($1) a built-in, locked to be written.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE
    id = $2 AND team_id IS NOT DISTINCT FROM $1 AND is_built_in = ($1::bigint IS NULL)
    AND deleted_at IS NULL
FOR NO KEY UPDATE;

-- name: lock_for_delete
-- The same, deleted or not, against everybody who is about to refer to it.
SELECT
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at
FROM ai_agents
WHERE id = $2 AND team_id IS NOT DISTINCT FROM $1 AND is_built_in = ($1::bigint IS NULL)
FOR UPDATE;

-- name: update
-- New texts and settings of a locked agent.
UPDATE ai_agents
SET name = $2, description = $3, persona_prompt = $4, system_prompt = $5, settings = $6
WHERE id = $1
RETURNING
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at;

-- name: set_deleted
-- A locked agent is deleted ($2), or there again.
UPDATE ai_agents
SET deleted_at = CASE WHEN $2::boolean THEN now() END
WHERE id = $1
RETURNING
    id, creator_id, team_id, name, description, persona_prompt, system_prompt, is_built_in,
    settings, deleted_at, created_at, updated_at;
