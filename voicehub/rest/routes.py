"""The whole URL table: path, method, operation, and the proof that it asks for."""

from dataclasses import replace
from functools import cache

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from voicehub.keys import API_DOCUMENT
from voicehub.rest import (
    admin_agents,
    agents,
    audits,
    auth_methods,
    check,
    client_secrets,
    docs,
    erasing,
    feedbacks,
    health,
    identities,
    job_runs,
    login,
    me,
    openapi,
    passwords,
    plans,
    recordings,
    refresh,
    session_acts,
    session_lists,
    sessions,
    subscriptions,
    teams,
    transcripts,
    usage,
    users,
    waveforms,
    webhook_deliveries,
    webhook_endpoints,
)
from voicehub.rest.middleware import Access, add_headers, guarded
from voicehub.rest.operation import Operation
from voicehub.rest.route import Route


def _rows(access: Access, *rows: tuple[str, str, Operation]) -> tuple[Route, ...]:
    return tuple(Route(method, path, operation, access) for method, path, operation in rows)


# What anybody may ask.
OPEN = _rows(
    Access.OPEN,
    ("GET", "/healthz", health.alive),
    ("HEAD", "/healthz", health.alive),
    ("GET", "/readyz", health.ready),
    ("HEAD", "/readyz", health.ready),
    ("GET", "/docs", docs.page),
    ("GET", "/docs/{file}", docs.file),
    ("GET", "/v1/openapi.json", docs.show),
    ("POST", "/v1/auth/google", identities.google),
    ("POST", "/v1/auth/login", login.login),
    ("POST", "/v1/auth/logout", refresh.logout),
    ("GET", "/v1/auth/methods", auth_methods.show),
    ("POST", "/v1/auth/password_resets", passwords.request_reset),
    ("POST", "/v1/auth/password_resets/confirm", passwords.confirm_reset),
    ("POST", "/v1/auth/refresh", refresh.refresh),
    ("POST", "/v1/auth/token_exchange", identities.exchange),
)
# What belongs to the platform, for everybody who is signed in.
PLATFORM = _rows(
    Access.SIGNED_IN,
    ("GET", "/v1/plans", plans.list_page),
    ("GET", "/v1/plans/{plan_id}", plans.show),
)
# What a user does as a user. Admins have `/v1/teams/{team_id}` for the team.
OWN = _rows(
    Access.USER,
    ("POST", "/v1/auth/logout_everywhere", refresh.logout_everywhere),
    ("GET", "/v1/me", me.show),
    ("PATCH", "/v1/me", me.update),
    ("POST", "/v1/me/password", passwords.change),
    ("GET", "/v1/team", teams.show),
    ("PATCH", "/v1/team", teams.relabel),
    ("POST", "/v1/realtime/client_secrets", client_secrets.create),
    ("POST", "/v1/sessions", sessions.create),
    ("POST", "/v1/sessions/{session_id}/resume", session_acts.resume),
    ("POST", "/v1/feedbacks", feedbacks.create),
)
# What the users of a team do with its rows; an admin does the same to any team.
TEAMS = _rows(
    Access.USER,
    ("GET", "/v1/users", users.list_page),
    ("GET", "/v1/users/{user_id}", users.show),
    ("GET", "/v1/agents", agents.list_page),
    ("POST", "/v1/agents", agents.create),
    ("GET", "/v1/agents/{agent_id}", agents.show),
    ("PATCH", "/v1/agents/{agent_id}", agents.update),
    ("DELETE", "/v1/agents/{agent_id}", agents.delete),
    ("GET", "/v1/sessions", session_lists.list_page),
    ("GET", "/v1/sessions/{session_id}", sessions.show),
    ("DELETE", "/v1/sessions/{session_id}", erasing.delete),
    ("DELETE", "/v1/sessions/{session_id}/context", erasing.delete_context),
    ("POST", "/v1/sessions/{session_id}/end", session_acts.end),
    ("POST", "/v1/sessions/{session_id}/pause", session_acts.pause),
    ("GET", "/v1/sessions/{session_id}/recording", recordings.show),
    ("DELETE", "/v1/sessions/{session_id}/recording", erasing.delete_recording),
    ("GET", "/v1/sessions/{session_id}/recording/waveform", waveforms.show),
    ("GET", "/v1/sessions/{session_id}/transcript", transcripts.show),
    ("DELETE", "/v1/sessions/{session_id}/transcript", erasing.delete_transcript),
    ("GET", "/v1/feedbacks", feedbacks.list_page),
    ("GET", "/v1/feedbacks/{feedback_id}", feedbacks.show),
    ("PATCH", "/v1/feedbacks/{feedback_id}", feedbacks.update),
    ("DELETE", "/v1/feedbacks/{feedback_id}", feedbacks.delete),
    ("GET", "/v1/subscription", subscriptions.show_current),
    ("GET", "/v1/subscriptions", subscriptions.list_page),
    ("POST", "/v1/subscriptions", subscriptions.create),
    ("GET", "/v1/subscriptions/{subscription_id}", subscriptions.show),
    ("POST", "/v1/subscriptions/{subscription_id}/cancel", subscriptions.cancel),
    ("POST", "/v1/subscriptions/{subscription_id}/change_plan", subscriptions.change_plan),
    ("GET", "/v1/subscriptions/{subscription_id}/changes", subscriptions.list_changes),
    ("POST", "/v1/subscriptions/{subscription_id}/reactivate", subscriptions.reactivate),
    ("GET", "/v1/usage", usage.show),
    ("GET", "/v1/webhook_endpoints", webhook_endpoints.list_page),
    ("POST", "/v1/webhook_endpoints", webhook_endpoints.create),
    ("GET", "/v1/webhook_endpoints/{endpoint_id}", webhook_endpoints.show),
    ("PATCH", "/v1/webhook_endpoints/{endpoint_id}", webhook_endpoints.update),
    ("DELETE", "/v1/webhook_endpoints/{endpoint_id}", webhook_endpoints.delete),
    ("GET", "/v1/webhook_endpoints/{endpoint_id}/deliveries", webhook_deliveries.list_page),
    ("POST", "/v1/webhook_endpoints/{endpoint_id}/rotate_secret", webhook_endpoints.rotate_secret),
    ("POST", "/v1/webhook_endpoints/{endpoint_id}/test", webhook_endpoints.send_test),
    ("GET", "/v1/webhook_deliveries/{delivery_id}", webhook_deliveries.show),
    ("POST", "/v1/webhook_deliveries/{delivery_id}/replay", webhook_deliveries.replay),
    ("GET", "/v1/audit", audits.list_page),
)
# What admins alone do: to the platform, to a team's rows, or over all teams.
ADMINS = _rows(
    Access.ADMIN,
    ("POST", "/v1/plans", plans.create),
    ("PATCH", "/v1/plans/{plan_id}", plans.update),
    ("DELETE", "/v1/plans/{plan_id}", plans.delete),
    ("GET", "/v1/teams", teams.list_all),
    ("POST", "/v1/teams", teams.create),
    ("GET", "/v1/teams/{team_id}", teams.show),
    ("PATCH", "/v1/teams/{team_id}", teams.update),
    ("DELETE", "/v1/teams/{team_id}", teams.delete),
    ("POST", "/v1/teams/{team_id}/agents/{agent_id}/restore", agents.restore),
    ("POST", "/v1/teams/{team_id}/subscriptions/{subscription_id}/adjust", subscriptions.adjust),
    ("POST", "/v1/teams/{team_id}/users", users.create),
    ("PATCH", "/v1/teams/{team_id}/users/{user_id}", users.update),
    ("DELETE", "/v1/teams/{team_id}/users/{user_id}", users.delete),
    ("POST", "/v1/teams/{team_id}/users/{user_id}/anonymize", users.anonymize),
    ("POST", "/v1/teams/{team_id}/users/{user_id}/password_reset", passwords.create_reset),
    ("GET", "/v1/admin/agents", admin_agents.list_page),
    ("POST", "/v1/admin/agents", admin_agents.create),
    ("GET", "/v1/admin/agents/{agent_id}", admin_agents.show),
    ("PATCH", "/v1/admin/agents/{agent_id}", admin_agents.update),
    ("DELETE", "/v1/admin/agents/{agent_id}", admin_agents.delete),
    ("POST", "/v1/admin/agents/{agent_id}/restore", admin_agents.restore),
    ("GET", "/v1/admin/audit", audits.list_all),
    ("GET", "/v1/admin/check", check.show),
    ("GET", "/v1/admin/feedbacks", feedbacks.list_all),
    ("GET", "/v1/admin/jobs", job_runs.show),
    ("GET", "/v1/admin/sessions", session_lists.list_all),
    ("GET", "/v1/admin/subscriptions", subscriptions.list_all),
    ("GET", "/v1/admin/usage", usage.show_all),
    ("GET", "/v1/admin/users", users.list_all),
)


def for_admins(route: Route) -> Route:
    """The same operation on any team's rows: `/v1/agents` is `/v1/teams/{team_id}/agents`."""
    path = route.path.replace("/v1/", "/v1/teams/{team_id}/", 1)
    return replace(route, path=path, access=Access.ADMIN)


ROUTES = (*OPEN, *PLATFORM, *OWN, *TEAMS, *ADMINS, *(for_admins(each) for each in TEAMS))


def add_routes(app: web.Application, open_socket: Handler) -> None:
    """Register the table and the socket, whose function belongs to `live`.

    The app has `answer_errors` and `client_max_size=BODY_BYTES_MAX`.
    """
    for route in ROUTES:
        app.router.add_route(route.method, route.path, guarded(route.operation, route.access))
    app.router.add_route("GET", "/v1/realtime", guarded(open_socket, Access.SESSION))
    app[API_DOCUMENT] = _document()
    app.on_response_prepare.append(add_headers)


@cache
def _document() -> bytes:
    """Made once, however many apps a test has: the table does not change."""
    return orjson.dumps(openapi.document(ROUTES))
