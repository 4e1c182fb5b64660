"""Many sessions with transcripts, which the database makes in seconds, for lists and searches."""

from voicehub.storage.postgres import Connection

SESSIONS = 100_000
GATHER_S = 300.0  # for one statement
OPEN = 50  # the last of them are in progress
BIG, SMALL = 1, 7  # teams: nine of ten sessions, and one in two hundred

# Transcripts of 20 lines of five words; the ten first of 5,000 words are half of all that is said.
TEMPLATES = """
    CREATE TABLE templates AS
    SELECT n, transcript, words_of(0, transcript) AS words FROM (
        SELECT n, (
            SELECT jsonb_agg(jsonb_build_object('item_id', 'item_' || l, 'transcript', said))
            FROM (
                SELECT l, string_agg('w' || floor(5000 * power(random(), 9) + 0 * w), ' ') AS said
                FROM generate_series(1, 20) AS l, generate_series(1, 5) AS w
                WHERE n > 0 GROUP BY l ORDER BY l
            ) AS lines
        ) AS transcript
        FROM generate_series(1, 300) AS n
    ) AS made"""
# Nine of ten in the big team; a few that failed, and a user and an agent of a few.
SESSIONS_ROWS = """
    INSERT INTO sessions
        (user_id, team_id, agent_id, status, started_at, ended_at, data, usage)
    SELECT
        CASE WHEN s % 1000 = 7 THEN 99 ELSE 1 + s % 40 END,
        CASE WHEN s % 10 > 0 THEN $2::bigint ELSE 2 + s / 10 % 20 END,
        CASE WHEN s % 2000 = 3 THEN 99 ELSE 1 + s % 5 END,
        CASE WHEN s > $1::bigint - $3::bigint THEN 'in_progress' WHEN s % 5000 = 1 THEN 'failed'
            ELSE 'completed' END,
        '2026-01-01Z'::timestamptz + s * interval '1 minute',
        CASE WHEN s <= $1::bigint - $3::bigint THEN now() END,
        jsonb_build_object('transcript', transcript || jsonb_build_array(jsonb_build_object(
            'transcript', 'rare' || s || CASE WHEN s % 2 = 0 THEN ' even' ELSE ' odd' END
        ))), '{}'
    FROM generate_series(1, $1::bigint) AS s JOIN templates ON n = 1 + s % 300 ORDER BY s"""
# As the job writes them, and in a third of the time.
WORDS = """
    UPDATE session_search SET words = templates.words
        || to_tsvector('simple', 'rare' || session_id)
        || to_tsvector('simple', CASE WHEN session_id % 2 = 0 THEN 'even' ELSE 'odd' END)
        || array_to_tsvector(ARRAY['=' || team_id])
    FROM templates WHERE n = 1 + session_id % 300 AND status <> 'in_progress'"""
INDEX = "SELECT indexdef FROM pg_indexes WHERE indexname = 'session_search_words_idx'"


async def gather(conn: Connection, sessions: int = SESSIONS) -> None:
    """Make the crowd in a database that has no session."""
    index = await conn.fetchval(INDEX)
    await conn.execute("DROP INDEX session_search_words_idx")
    await conn.execute("SELECT setseed(0.5)")
    await conn.execute(TEMPLATES)
    await conn.execute(SESSIONS_ROWS, sessions, BIG, OPEN, timeout=GATHER_S)
    await conn.execute(WORDS, timeout=GATHER_S)
    await conn.execute(index, timeout=GATHER_S)
    await conn.execute("DROP TABLE templates")
    await conn.execute("VACUUM ANALYZE session_search")
    await conn.execute("ANALYZE sessions")
