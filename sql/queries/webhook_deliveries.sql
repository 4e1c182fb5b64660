-- name: claim
-- Up to $1 deliveries that are due, of each endpoint no more than $2 together with those that are
-- under way ($3: the endpoint of each), and of one that is failing one. Whoever claims them has $4 seconds; then they are anybody's
-- again. The endpoints that something waits for are found by one look into the index each, so that
-- a long queue of one of them costs the others nothing.
WITH RECURSIVE waiting (endpoint_id) AS (
    (
        SELECT endpoint_id FROM webhook_deliveries
        WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT next_one.endpoint_id FROM webhook_deliveries AS next_one
        WHERE next_one.status = 'pending' AND next_one.endpoint_id > waiting.endpoint_id
        ORDER BY next_one.endpoint_id LIMIT 1
    )
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL
),
due AS (
    SELECT
        picked.id, endpoint.url, endpoint.secret,
        CASE WHEN endpoint.previous_secret_until > now() THEN endpoint.previous_secret END
            AS previous_secret
    FROM waiting
    JOIN webhook_endpoints AS endpoint ON endpoint.id = waiting.endpoint_id AND endpoint.is_enabled
    CROSS JOIN LATERAL (
        SELECT id, next_attempt_at
        FROM webhook_deliveries
        WHERE
            endpoint_id = waiting.endpoint_id
            AND status = 'pending' AND next_attempt_at <= now()
        ORDER BY next_attempt_at
        LIMIT greatest(
            CASE WHEN endpoint.failing_since IS NULL THEN $2::bigint ELSE 1 END - (
                SELECT count(*) FROM unnest($3::bigint[]) AS under_way (id)
                WHERE under_way.id = waiting.endpoint_id
            ),
            0
        )
        FOR UPDATE SKIP LOCKED
    ) AS picked
    ORDER BY picked.next_attempt_at
    LIMIT $1
)
UPDATE webhook_deliveries AS delivery
SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $4)
FROM due
WHERE delivery.id = due.id
RETURNING
    delivery.id, delivery.team_id, delivery.endpoint_id, delivery.event_id, delivery.event_type,
    delivery.payload, delivery.attempts, due.url, due.secret, due.previous_secret;

-- name: delivered
-- Attempt $2 was answered with $3. Who was thought dead meanwhile says so all the same.
UPDATE webhook_deliveries
SET
    status = 'delivered', next_attempt_at = NULL, last_status = $3, last_error = NULL,
    delivered_at = now()
WHERE id = $1 AND attempts = $2 AND status <> 'delivered'
RETURNING id;

-- name: failed
-- Attempt $2 failed: the next one comes in $5 seconds, or never where that is NULL.
UPDATE webhook_deliveries
SET
    status = CASE WHEN $5::float8 IS NULL THEN 'dead' ELSE 'pending' END,
    next_attempt_at = now() + make_interval(secs => $5::float8),
    last_status = $3,
    last_error = $4
WHERE id = $1 AND attempts = $2 AND status = 'pending'
RETURNING id;

-- name: give_up
-- Nothing more is sent to an endpoint, and $3 is why.
UPDATE webhook_deliveries SET status = 'dead', next_attempt_at = NULL, last_error = $3
WHERE team_id = $1 AND endpoint_id = $2 AND status = 'pending';

-- name: delete_of_endpoint
-- All of an endpoint.
DELETE FROM webhook_deliveries WHERE team_id = $1 AND endpoint_id = $2;

-- name: add
-- An event for one endpoint, whatever it wants to hear of: $4 is its name, $5 what names it for good.
INSERT INTO webhook_deliveries (team_id, endpoint_id, event_id, event_type, event_key, payload)
VALUES (
    $1, $2, $3, $4::varchar, $5,
    jsonb_build_object('type', $4::varchar, 'timestamp', in_utc(clock_timestamp()), 'data', $6::jsonb)
)
RETURNING
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at;

-- name: get
-- One of a team.
SELECT
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at
FROM webhook_deliveries
WHERE team_id = $1 AND id = $2;

-- name: replay
-- Send it anew, as if it had just come.
UPDATE webhook_deliveries
SET status = 'pending', attempts = 0, next_attempt_at = now(), delivered_at = NULL
WHERE team_id = $1 AND id = $2 AND status <> 'pending'
RETURNING
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at;

-- name: page_ascending
-- Those of an endpoint ($2) with $3 < id < $4, at most $5, the lowest first.
SELECT
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at
FROM webhook_deliveries
WHERE team_id = $1 AND endpoint_id = $2 AND id > $3 AND id < $4
ORDER BY id
LIMIT $5;

-- name: page_descending
-- The same, the highest first.
SELECT
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at
FROM webhook_deliveries
WHERE team_id = $1 AND endpoint_id = $2 AND id > $3 AND id < $4
ORDER BY id DESC
LIMIT $5;

-- name: page_of_status_ascending
-- Those of status $6, the lowest first.
SELECT
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at
FROM webhook_deliveries
WHERE team_id = $1 AND endpoint_id = $2 AND id > $3 AND id < $4 AND status = $6
ORDER BY id
LIMIT $5;

-- name: page_of_status_descending
-- The same, the highest first.
SELECT
    id, team_id, endpoint_id, event_id, event_type, payload, status, attempts, next_attempt_at,
    last_status, last_error, delivered_at, created_at, updated_at
FROM webhook_deliveries
WHERE team_id = $1 AND endpoint_id = $2 AND id > $3 AND id < $4 AND status = $6
ORDER BY id DESC
LIMIT $5;

-- name: remove_old
-- Of the next $2 above id $1 those that are over and older than $3 seconds. Says how far this went,
-- nothing where it came to younger ones, and how many it removed. Ids grow with time, so this needs
-- no index of its own.
WITH looked_at AS (
    SELECT id, status, created_at < now() - make_interval(secs => $3) AS is_old
    FROM webhook_deliveries
    WHERE id > $1
    ORDER BY id
    LIMIT $2
),
removed AS (
    DELETE FROM webhook_deliveries
    WHERE
        id IN (SELECT id FROM looked_at WHERE is_old AND status <> 'pending')
        AND status <> 'pending'
    RETURNING id
)
SELECT
    (SELECT CASE WHEN bool_and(is_old) THEN max(id) END FROM looked_at) AS upto_id,
    (SELECT count(*) FROM removed) AS removed;
