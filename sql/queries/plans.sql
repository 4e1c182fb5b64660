-- name: get
-- One plan.
SELECT
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at
FROM plans
WHERE id = $1;

-- name: page_ascending
-- Plans with $1 < id < $2, at most $3, the lowest first.
SELECT
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at
FROM plans
WHERE id > $1 AND id < $2
ORDER BY id
LIMIT $3;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at
FROM plans
WHERE id > $1 AND id < $2
ORDER BY id DESC
LIMIT $3;

-- name: insert
-- A plan; nothing where its name is taken.
INSERT INTO plans (
    name, description, max_audio_tokens, max_text_tokens, monthly_price, annual_price
)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO NOTHING
RETURNING
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at;

-- name: lock_for_reference
-- A plan to be taken: until the transaction ends it stays, and costs what it costs.
SELECT
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at
FROM plans
WHERE id = $1
FOR SHARE;

-- name: lock_for_change
-- A plan to be changed.
SELECT
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at
FROM plans
WHERE id = $1
FOR NO KEY UPDATE;

-- name: update
-- All of a locked plan's columns.
UPDATE plans
SET
    name = $2, description = $3, max_audio_tokens = $4, max_text_tokens = $5,
    monthly_price = $6, annual_price = $7
WHERE id = $1
RETURNING
    id, name, description, max_audio_tokens, max_text_tokens,
    coalesce(monthly_price, 0) AS monthly_price, coalesce(annual_price, 0) AS annual_price,
    created_at, updated_at;

-- name: lock_for_deletion
-- A plan to be deleted: nobody refers to it anew until the transaction ends.
SELECT id FROM plans WHERE id = $1 FOR UPDATE;

-- name: count_referrers
-- The subscriptions that refer to the plan, those that are over included, counted up to $2.
SELECT count(*) AS subscriptions
FROM (SELECT FROM subscriptions WHERE plan_id = $1 LIMIT $2) AS found;

-- name: delete
-- A locked plan to which nothing refers.
DELETE FROM plans WHERE id = $1;
