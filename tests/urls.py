"""What the tests that are made of the URL table share: rows to name in it, and all that is kept."""

import re

from voicehub.rest.routes import ROUTES

# Stands in everything that belongs to the other team.
MARK = "zebra"

# What a path names that belongs to no team: a value that is there.
SHARED = {"plan_id": "SELECT min(id) FROM plans", "file": "SELECT 'docs.css'"}

# How a row comes to be that a path, a body or a query names by this: of the team whose user asks.
# A new parameter of a path has no row here, and fails the tests until somebody says how to make it.
MAKERS = {
    "team_id": "SELECT team_id FROM users WHERE id = $1",
    "user_id": (
        "INSERT INTO users (team_id, email, display_name, settings)"
        " SELECT team_id, gen_random_uuid() || '@{mark}.example', '{mark}', '{{}}'"
        " FROM users WHERE id = $1 RETURNING id"
    ),
    "agent_id": (
        "INSERT INTO ai_agents (team_id, creator_id, name, description, persona_prompt,"
        " system_prompt, is_built_in, settings)"
        " SELECT team_id, id, '{mark}', '{mark}', '{mark}', '{mark}', false, '{{}}'"
        " FROM users WHERE id = $1 RETURNING id"
    ),
    "session_id": (
        "INSERT INTO sessions (user_id, team_id, agent_id, status, started_at, data, usage)"
        " SELECT u.id, u.team_id, a.id, 'completed', now(), jsonb_build_object('audio_url', NULL,"
        " 'transcript', jsonb_build_array(jsonb_build_object('transcript', '{mark}', 'speaker',"
        " 'user', 'timestamp', '2026-11-23T10:00:00Z', 'item_id', 'item_1', 'start_ms', 0,"
        " 'end_ms', 900)), 'context', jsonb_build_object('of', '{mark}')), '{{}}'"
        " FROM users u, ai_agents a WHERE u.id = $1 AND a.is_built_in ORDER BY a.id LIMIT 1"
        " RETURNING id"
    ),
    "subscription_id": "SELECT s.id FROM subscriptions s JOIN users u USING (team_id)"
    " WHERE u.id = $1 ORDER BY s.id LIMIT 1",
    "feedback_id": (
        "INSERT INTO feedbacks (user_id, team_id, data) SELECT id, team_id,"
        " jsonb_build_object('rating', 5, 'comment', '{mark}') FROM users WHERE id = $1"
        " RETURNING id"
    ),
    "endpoint_id": (
        "INSERT INTO webhook_endpoints (team_id, url, description, event_types, secret)"
        " SELECT team_id, 'https://{mark}.example/hook', '{mark}', '[\"session.ended\"]',"
        " 'whsec_{mark}' FROM users WHERE id = $1 RETURNING id"
    ),
    "delivery_id": (
        "WITH endpoint AS (INSERT INTO webhook_endpoints (team_id, url, event_types, secret)"
        " SELECT team_id, 'https://{mark}.example/hook', '[]', 'whsec_{mark}'"
        " FROM users WHERE id = $1 RETURNING team_id, id)"
        " INSERT INTO webhook_deliveries (team_id, endpoint_id, event_id, event_type, event_key,"
        " payload, status) SELECT team_id, id, 'evt_{mark}', 'session.ended', '{mark}',"
        " jsonb_build_object('of', '{mark}'), 'dead' FROM endpoint RETURNING id"
    ),
}

_ALL_ROWS = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def name_of(route):
    return f"{route.method} {route.path}"


def parameters(route):
    return re.findall(r"{(\w+)}", route.path)


def body_of(route):
    """A body that the route takes, as its model's own example has it."""
    model = route.operation.body
    if model is None:
        return None
    examples = (model.model_config.get("json_schema_extra") or {}).get("examples")
    assert examples, f"{model.__name__} has no example"
    return examples[0]


async def make(site, name, who):
    """The value of a parameter: a new row of the team of `who`, or what belongs to no team."""
    if name in SHARED:
        return await site.run(SHARED[name])
    assert name in MAKERS, f"say in tests/urls.py how to make a row for {{{name}}}"
    mark = MARK if who == "eve" else "own"
    return await site.run(MAKERS[name].format(mark=mark), site.users[who])


async def make_all(site, names, who):
    return {name: await make(site, name, who) for name in names}


async def all_rows(pg):
    """Every row of every table."""
    async with pg.connection() as conn:
        tables = [row["tablename"] for row in await conn.fetch(_ALL_ROWS)]
        each = " UNION ALL ".join(
            f"SELECT '{table}' AS place, to_jsonb(t)::text AS row FROM {table} t"
            for table in tables
        )
        return {(row["place"], row["row"]) for row in await conn.fetch(each)}


async def all_of_a_team(redis, team_id):
    """Every key that Redis has of the team."""
    keys = sorted([key async for key in redis.scan_iter(f"*{{team:{team_id}}}*")])
    return {key: await redis.dump(key) for key in keys}


def routes_of(*accesses):
    return [route for route in ROUTES if route.access in accesses]
