"""What no client may set: refused with its name, in every body of every route, and nothing done."""

from tests import urls
from tests.urls import MAKERS, SHARED, all_rows, make_all, name_of, parameters
from voicehub.rest.client_secrets import NewClientSecret
from voicehub.rest.middleware import Access
from voicehub.rest.routes import ROUTES

# Columns that belong to the server, and how somebody would try to set them.
KEPT = {
    "id": 1,
    "team_id": 1,
    "user_id": 1,
    "creator_id": 1,
    "is_built_in": True,
    "is_admin": True,
    "status": "active",
    "total_audio_tokens_used": 0,
    "total_text_tokens_used": 0,
    "current_period_start": "2026-11-23T10:00:00Z",
    "current_period_end": "2036-11-23T10:00:00Z",
    "cancel_at_period_end": False,
    "started_at": "2026-11-23T10:00:00Z",
    "ended_at": "2026-11-23T10:00:00Z",
    "duration_minutes": 0,
    "created_at": "2026-11-23T10:00:00Z",
    "updated_at": "2026-11-23T10:00:00Z",
    "deleted_at": None,
    "password_hash": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA",
    "google_id": "1",
    "usage": {},
    "data": {},
    "__proto__": {},
}
# Where one of these is the very thing that a route is for, the reason.
MEANT: dict[tuple[str, str], str] = {}
# OpenAI's own body, in which SDKs send more than we know: documented as ignored.
LENIENT = {NewClientSecret}

WRITES = [each for each in ROUTES if each.operation.body is not None]


async def test_what_a_client_may_not_set_is_refused_by_name(web_client):
    found = []
    for route in (each for each in WRITES if each.operation.body not in LENIENT):
        path, body = await _own(web_client, route)
        before = await all_rows(web_client.pg)
        for name, value in _forbidden(route.operation.body).items():
            who = "root" if route.access is Access.ADMIN else "ada"
            response, told = await web_client.ask(
                route.method, path, who=who, json={**body, name: value}
            )
            codes = {(each["pointer"], each["code"]) for each in (told or {}).get("errors", ())}
            if response.status != 400 or (f"#/{name}", "unknown_parameter") not in codes:
                found.append(f"{name_of(route)}: {name} answered {response.status} {told}")
        # What an admin tries stands in the audit.
        changed = {
            row for row in await all_rows(web_client.pg) - before if row[0] != "audit_entries"
        }
        found += [f"{name_of(route)} changed {row}" for row in changed]
    assert not found, "\n".join(found)


async def test_what_openais_body_does_not_know_is_ignored(web_client):
    own = {"team_id": web_client.teams["two"], "user_id": web_client.users["eve"]}
    body = {"session": {"type": "realtime", "model": "Ava", **KEPT, **own}, **KEPT, **own}
    response, told = await web_client.post("/v1/realtime/client_secrets", body)
    assert response.status == 200, told
    session_id = told["session"]["voicehub"]["session_id"]
    row = await web_client.run("SELECT to_jsonb(s) FROM sessions s WHERE id = $1", session_id)
    kept = {name: row[name] for name in ("team_id", "user_id", "status", "usage")}
    assert kept == {
        "team_id": web_client.teams["one"],
        "user_id": web_client.users["ada"],
        "status": "created",
        "usage": kept["usage"],
    }


def test_the_exceptions_are_needed():
    known = {
        (route.operation.body.__name__, name)
        for route in WRITES
        for name in route.operation.body.model_fields
    }
    assert set(MEANT) <= known


def test_every_other_body_refuses_what_it_does_not_know():
    for route in (each for each in WRITES if each.operation.body not in LENIENT):
        assert route.operation.body.model_config["extra"] == "forbid", name_of(route)
        assert route.operation.body.model_config["strict"], name_of(route)


def _forbidden(model):
    return {name: value for name, value in KEPT.items() if (model.__name__, name) not in MEANT}


async def _own(site, route):
    path = route.path.format(**await make_all(site, parameters(route), "ada"))
    body = urls.body_of(route)
    names = [name for name in body if name in MAKERS or name in SHARED]
    return path, body | await make_all(site, names, "ada")
