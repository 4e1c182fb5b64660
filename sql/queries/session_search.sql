-- name: plan_each_time
-- Until the transaction ends, statements are planned for the very values that they are asked with,
-- and never by looking through a whole table: the planner does not know what words cost to read.
SELECT
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_seqscan', 'off', true);

-- name: page_ascending
-- Sessions of a team with $2 < id < $3, at most $4, the lowest first, without their transcripts.
SELECT
    sessions.id, sessions.user_id, sessions.team_id, sessions.agent_id, sessions.status,
    sessions.started_at, sessions.ended_at, sessions.duration_minutes,
    sessions.data - 'transcript' AS data, sessions.usage, sessions.created_at, sessions.updated_at
FROM (
    SELECT session_id FROM session_search
    WHERE team_id = $1 AND session_id > $2 AND session_id < $3
    ORDER BY session_id LIMIT $4
) AS found
JOIN sessions ON sessions.id = found.session_id
ORDER BY found.session_id;

-- name: page_descending
-- The same, the highest first.
SELECT
    sessions.id, sessions.user_id, sessions.team_id, sessions.agent_id, sessions.status,
    sessions.started_at, sessions.ended_at, sessions.duration_minutes,
    sessions.data - 'transcript' AS data, sessions.usage, sessions.created_at, sessions.updated_at
FROM (
    SELECT session_id FROM session_search
    WHERE team_id = $1 AND session_id > $2 AND session_id < $3
    ORDER BY session_id DESC LIMIT $4
) AS found
JOIN sessions ON sessions.id = found.session_id
ORDER BY found.session_id DESC;

-- name: filtered_ascending
-- The same of a team or of all ($1 NULL), and where they are given: of the statuses $5, of an agent
-- ($6), of a user ($7), started from $8 and before $9.
SELECT
    sessions.id, sessions.user_id, sessions.team_id, sessions.agent_id, sessions.status,
    sessions.started_at, sessions.ended_at, sessions.duration_minutes,
    sessions.data - 'transcript' AS data, sessions.usage, sessions.created_at, sessions.updated_at
FROM (
    SELECT session_id FROM session_search
    WHERE
        session_id > $2 AND session_id < $3
        AND ($1::bigint IS NULL OR team_id = $1)
        AND ($5::varchar[] IS NULL OR status = ANY($5))
        AND ($6::bigint IS NULL OR agent_id = $6)
        AND ($7::bigint IS NULL OR user_id = $7)
        AND ($8::timestamptz IS NULL OR started_at >= $8)
        AND ($9::timestamptz IS NULL OR started_at < $9)
    ORDER BY session_id LIMIT $4
) AS found
JOIN sessions ON sessions.id = found.session_id
ORDER BY found.session_id;

-- name: filtered_descending
-- The same, the highest first.
SELECT
    sessions.id, sessions.user_id, sessions.team_id, sessions.agent_id, sessions.status,
    sessions.started_at, sessions.ended_at, sessions.duration_minutes,
    sessions.data - 'transcript' AS data, sessions.usage, sessions.created_at, sessions.updated_at
FROM (
    SELECT session_id FROM session_search
    WHERE
        session_id > $2 AND session_id < $3
        AND ($1::bigint IS NULL OR team_id = $1)
        AND ($5::varchar[] IS NULL OR status = ANY($5))
        AND ($6::bigint IS NULL OR agent_id = $6)
        AND ($7::bigint IS NULL OR user_id = $7)
        AND ($8::timestamptz IS NULL OR started_at >= $8)
        AND ($9::timestamptz IS NULL OR started_at < $9)
    ORDER BY session_id DESC LIMIT $4
) AS found
JOIN sessions ON sessions.id = found.session_id
ORDER BY found.session_id DESC;

-- name: search_ascending
-- The same in whose transcripts stands what $10 asks for. Common words are found among the first $11
-- sessions; only where these do not fill the page the index is asked, which gives every session.
WITH near AS MATERIALIZED (
    SELECT session_id FROM (
        SELECT session_id, words FROM session_search
        WHERE
            session_id > $2 AND session_id < $3
            AND ($1::bigint IS NULL OR team_id = $1)
            AND ($5::varchar[] IS NULL OR status = ANY($5))
            AND ($6::bigint IS NULL OR agent_id = $6)
            AND ($7::bigint IS NULL OR user_id = $7)
            AND ($8::timestamptz IS NULL OR started_at >= $8)
            AND ($9::timestamptz IS NULL OR started_at < $9)
        ORDER BY session_id LIMIT $11
    ) AS first_ones
    WHERE words @@ websearch_to_tsquery('simple', searchable($10))
    ORDER BY session_id LIMIT $4
),
indexed AS MATERIALIZED (
    SELECT session_id FROM session_search
    WHERE
        (SELECT count(*) FROM near) < $4
        AND numnode(websearch_to_tsquery('simple', searchable($10))) > 0
        AND words @@ CASE
            WHEN $1::bigint IS NULL THEN websearch_to_tsquery('simple', searchable($10))
            ELSE websearch_to_tsquery('simple', searchable($10)) && ('''=' || $1 || '''')::tsquery
        END
        AND session_id > $2 AND session_id < $3
        AND ($1::bigint IS NULL OR team_id = $1)
        AND ($5::varchar[] IS NULL OR status = ANY($5))
        AND ($6::bigint IS NULL OR agent_id = $6)
        AND ($7::bigint IS NULL OR user_id = $7)
        AND ($8::timestamptz IS NULL OR started_at >= $8)
        AND ($9::timestamptz IS NULL OR started_at < $9)
)
SELECT
    sessions.id, sessions.user_id, sessions.team_id, sessions.agent_id, sessions.status,
    sessions.started_at, sessions.ended_at, sessions.duration_minutes,
    sessions.data - 'transcript' AS data, sessions.usage, sessions.created_at, sessions.updated_at
FROM (
    SELECT session_id FROM near UNION SELECT session_id FROM indexed
    ORDER BY session_id LIMIT $4
) AS found
JOIN sessions ON sessions.id = found.session_id
ORDER BY found.session_id;

-- name: search_descending
-- The same, the highest first.
WITH near AS MATERIALIZED (
    SELECT session_id FROM (
        SELECT session_id, words FROM session_search
        WHERE
            session_id > $2 AND session_id < $3
            AND ($1::bigint IS NULL OR team_id = $1)
            AND ($5::varchar[] IS NULL OR status = ANY($5))
            AND ($6::bigint IS NULL OR agent_id = $6)
            AND ($7::bigint IS NULL OR user_id = $7)
            AND ($8::timestamptz IS NULL OR started_at >= $8)
            AND ($9::timestamptz IS NULL OR started_at < $9)
        ORDER BY session_id DESC LIMIT $11
    ) AS first_ones
    WHERE words @@ websearch_to_tsquery('simple', searchable($10))
    ORDER BY session_id DESC LIMIT $4
),
indexed AS MATERIALIZED (
    SELECT session_id FROM session_search
    WHERE
        (SELECT count(*) FROM near) < $4
        AND numnode(websearch_to_tsquery('simple', searchable($10))) > 0
        AND words @@ CASE
            WHEN $1::bigint IS NULL THEN websearch_to_tsquery('simple', searchable($10))
            ELSE websearch_to_tsquery('simple', searchable($10)) && ('''=' || $1 || '''')::tsquery
        END
        AND session_id > $2 AND session_id < $3
        AND ($1::bigint IS NULL OR team_id = $1)
        AND ($5::varchar[] IS NULL OR status = ANY($5))
        AND ($6::bigint IS NULL OR agent_id = $6)
        AND ($7::bigint IS NULL OR user_id = $7)
        AND ($8::timestamptz IS NULL OR started_at >= $8)
        AND ($9::timestamptz IS NULL OR started_at < $9)
)
SELECT
    sessions.id, sessions.user_id, sessions.team_id, sessions.agent_id, sessions.status,
    sessions.started_at, sessions.ended_at, sessions.duration_minutes,
    sessions.data - 'transcript' AS data, sessions.usage, sessions.created_at, sessions.updated_at
FROM (
    SELECT session_id FROM near UNION SELECT session_id FROM indexed
    ORDER BY session_id DESC LIMIT $4
) AS found
JOIN sessions ON sessions.id = found.session_id
ORDER BY found.session_id DESC;

-- name: matches
-- The first $3 lines of each of the sessions $1 that have a word of $2, among their first $4 lines
-- and in the beginning of a very long one; $5 letters of each.
SELECT
    sessions.id AS session_id, matched.line ->> 'item_id' AS item_id,
    matched.line ->> 'speaker' AS speaker, matched.line -> 'start_ms' AS start_ms,
    left(matched.line ->> 'transcript', $5) AS transcript
FROM sessions CROSS JOIN LATERAL (
    SELECT line
    FROM (SELECT line FROM jsonb_path_query(data, 'lax $.transcript[*]') AS line LIMIT $4) AS lines
    WHERE
        tsvector_to_array(to_tsvector('simple', searchable(left(line ->> 'transcript', 5000))))
        && tsvector_to_array(to_tsvector('simple', searchable($2)))
    LIMIT $3
) AS matched
WHERE sessions.id = ANY($1);

-- name: unread
-- Up to $2 ended sessions above id $1 whose words are not in the index.
SELECT session_id FROM session_search
WHERE session_id > $1 AND words IS NULL AND status IN ('completed', 'failed')
ORDER BY session_id LIMIT $2;

-- name: read
-- Put the words of the sessions $1 into the index. Their rows are locked, so that no transcript is
-- erased meanwhile and found afterwards; one that is being written just now is left for later.
WITH ended AS MATERIALIZED (
    SELECT id, team_id, data -> 'transcript' AS transcript
    FROM sessions
    WHERE id = ANY($1)
    ORDER BY id
    FOR SHARE SKIP LOCKED
)
UPDATE session_search SET words = words_of(ended.team_id, ended.transcript)
FROM ended
WHERE session_id = ended.id
RETURNING session_id;
