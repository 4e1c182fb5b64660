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
from voicehub.rest.route import Route

_SUBSCRIPTION = "/v1/subscriptions/{subscription_id}"

# What anybody may ask.
OPEN: tuple[Route, ...] = (
    Route("GET", "/healthz", health.alive, Access.OPEN),
    Route("HEAD", "/healthz", health.alive, Access.OPEN),
    Route("GET", "/readyz", health.ready, Access.OPEN),
    Route("HEAD", "/readyz", health.ready, Access.OPEN),
    Route("POST", "/v1/auth/login", login.login, Access.OPEN),
    Route("POST", "/v1/auth/google", identities.google, Access.OPEN),
    Route("POST", "/v1/auth/token_exchange", identities.exchange, Access.OPEN),
    Route("POST", "/v1/auth/refresh", refresh.refresh, Access.OPEN),
    Route("POST", "/v1/auth/logout", refresh.logout, Access.OPEN),
    Route("POST", "/v1/auth/password_resets", passwords.request_reset, Access.OPEN),
    Route("POST", "/v1/auth/password_resets/confirm", passwords.confirm_reset, Access.OPEN),
    Route("GET", "/v1/openapi.json", docs.show, Access.OPEN),
    Route("GET", "/docs", docs.page, Access.OPEN),
    Route("GET", "/docs/{file}", docs.file, Access.OPEN),
)
# What belongs to the platform, for everybody who is signed in.
PLATFORM: tuple[Route, ...] = (
    Route("GET", "/v1/plans", plans.list_page, Access.SIGNED_IN),
    Route("GET", "/v1/plans/{plan_id}", plans.show, Access.SIGNED_IN),
)
# What a user does as a user.
OWN: tuple[Route, ...] = (
    Route("GET", "/v1/me", me.show, Access.USER),
    Route("POST", "/v1/me/password", passwords.change, Access.USER),
    Route("POST", "/v1/auth/logout_everywhere", refresh.logout_everywhere, Access.USER),
    Route("PATCH", "/v1/me", me.update, Access.USER),
    # Admins have `/v1/teams/{team_id}` for it.
    Route("GET", "/v1/team", teams.show, Access.USER),
    Route("PATCH", "/v1/team", teams.relabel, Access.USER),
    Route("POST", "/v1/feedbacks", feedbacks.create, Access.USER),
    Route("POST", "/v1/sessions", sessions.create, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/resume", session_acts.resume, Access.USER),
    Route("POST", "/v1/realtime/client_secrets", client_secrets.create, Access.USER),
)
# What the users of a team do with its rows; an admin does the same to any team.
TEAMS: tuple[Route, ...] = (
    Route("GET", "/v1/agents", agents.list_page, Access.USER),
    Route("GET", "/v1/sessions/{session_id}", sessions.show, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/pause", session_acts.pause, Access.USER),
    Route("POST", "/v1/sessions/{session_id}/end", session_acts.end, Access.USER),
    Route("GET", "/v1/sessions/{session_id}/recording", recordings.show, Access.USER),
    Route("GET", "/v1/sessions/{session_id}/recording/waveform", waveforms.show, Access.USER),
    Route("GET", "/v1/users", users.list_page, Access.USER),
    Route("GET", "/v1/users/{user_id}", users.show, Access.USER),
    Route("GET", "/v1/feedbacks", feedbacks.list_page, Access.USER),
    Route("GET", "/v1/feedbacks/{feedback_id}", feedbacks.show, Access.USER),
    Route("PATCH", "/v1/feedbacks/{feedback_id}", feedbacks.update, Access.USER),
    Route("DELETE", "/v1/feedbacks/{feedback_id}", feedbacks.delete, Access.USER),
    Route("GET", "/v1/webhook_endpoints", webhook_endpoints.list_page, Access.USER),
    Route("POST", "/v1/webhook_endpoints", webhook_endpoints.create, Access.USER),
    Route("GET", "/v1/webhook_endpoints/{endpoint_id}", webhook_endpoints.show, Access.USER),
    Route("PATCH", "/v1/webhook_endpoints/{endpoint_id}", webhook_endpoints.update, Access.USER),
    Route("DELETE", "/v1/webhook_endpoints/{endpoint_id}", webhook_endpoints.delete, Access.USER),
    Route(
        "POST",
        "/v1/webhook_endpoints/{endpoint_id}/rotate_secret",
        webhook_endpoints.rotate_secret,
        Access.USER,
    ),
    Route(
        "POST", "/v1/webhook_endpoints/{endpoint_id}/test", webhook_endpoints.send_test, Access.USER
    ),
    Route(
        "GET",
        "/v1/webhook_endpoints/{endpoint_id}/deliveries",
        webhook_deliveries.list_page,
        Access.USER,
    ),
    Route("GET", "/v1/webhook_deliveries/{delivery_id}", webhook_deliveries.show, Access.USER),
    Route(
        "POST",
        "/v1/webhook_deliveries/{delivery_id}/replay",
        webhook_deliveries.replay,
        Access.USER,
    ),
    Route("GET", "/v1/audit", audits.list_page, Access.USER),
    Route("GET", "/v1/subscription", subscriptions.show_current, Access.USER),
    Route("GET", "/v1/subscriptions", subscriptions.list_page, Access.USER),
    Route("POST", "/v1/subscriptions", subscriptions.create, Access.USER),
    Route("GET", _SUBSCRIPTION, subscriptions.show, Access.USER),
    Route("GET", f"{_SUBSCRIPTION}/changes", subscriptions.list_changes, Access.USER),
    Route("POST", f"{_SUBSCRIPTION}/change_plan", subscriptions.change_plan, Access.USER),
    Route("POST", f"{_SUBSCRIPTION}/cancel", subscriptions.cancel, Access.USER),
    Route("POST", f"{_SUBSCRIPTION}/reactivate", subscriptions.reactivate, Access.USER),
    Route("GET", "/v1/usage", usage.show, Access.USER),
    Route("POST", "/v1/agents", agents.create, Access.USER),
    Route("GET", "/v1/agents/{agent_id}", agents.show, Access.USER),
    Route("PATCH", "/v1/agents/{agent_id}", agents.update, Access.USER),
    Route("DELETE", "/v1/agents/{agent_id}", agents.delete, Access.USER),
    Route("GET", "/v1/sessions", session_lists.list_page, Access.USER),
    Route("DELETE", "/v1/sessions/{session_id}", erasing.delete, Access.USER),
    Route("DELETE", "/v1/sessions/{session_id}/recording", erasing.delete_recording, Access.USER),
    Route("GET", "/v1/sessions/{session_id}/transcript", transcripts.show, Access.USER),
    Route("DELETE", "/v1/sessions/{session_id}/transcript", erasing.delete_transcript, Access.USER),
    Route("DELETE", "/v1/sessions/{session_id}/context", erasing.delete_context, Access.USER),
)
# What admins alone do: to the platform, to a team's rows, or over all teams.
ADMINS: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/teams/{team_id}/users/{user_id}/password_reset",
        passwords.create_reset,
        Access.ADMIN,
    ),
    Route("GET", "/v1/teams", teams.list_all, Access.ADMIN),
    Route("POST", "/v1/teams", teams.create, Access.ADMIN),
    Route("GET", "/v1/teams/{team_id}", teams.show, Access.ADMIN),
    Route("PATCH", "/v1/teams/{team_id}", teams.update, Access.ADMIN),
    Route("DELETE", "/v1/teams/{team_id}", teams.delete, Access.ADMIN),
    Route("POST", "/v1/teams/{team_id}/users", users.create, Access.ADMIN),
    Route("PATCH", "/v1/teams/{team_id}/users/{user_id}", users.update, Access.ADMIN),
    Route("DELETE", "/v1/teams/{team_id}/users/{user_id}", users.delete, Access.ADMIN),
    Route("POST", "/v1/teams/{team_id}/users/{user_id}/anonymize", users.anonymize, Access.ADMIN),
    Route("GET", "/v1/admin/users", users.list_all, Access.ADMIN),
    Route("GET", "/v1/admin/feedbacks", feedbacks.list_all, Access.ADMIN),
    Route("GET", "/v1/admin/jobs", job_runs.show, Access.ADMIN),
    Route("GET", "/v1/admin/audit", audits.list_all, Access.ADMIN),
    Route("POST", "/v1/plans", plans.create, Access.ADMIN),
    Route("PATCH", "/v1/plans/{plan_id}", plans.update, Access.ADMIN),
    Route("DELETE", "/v1/plans/{plan_id}", plans.delete, Access.ADMIN),
    Route("GET", "/v1/admin/subscriptions", subscriptions.list_all, Access.ADMIN),
    Route("GET", "/v1/admin/usage", usage.show_all, Access.ADMIN),
    Route(
        "POST",
        "/v1/teams/{team_id}/subscriptions/{subscription_id}/adjust",
        subscriptions.adjust,
        Access.ADMIN,
    ),
    Route("POST", "/v1/teams/{team_id}/agents/{agent_id}/restore", agents.restore, Access.ADMIN),
    Route("GET", "/v1/admin/agents", admin_agents.list_page, Access.ADMIN),
    Route("POST", "/v1/admin/agents", admin_agents.create, Access.ADMIN),
    Route("GET", "/v1/admin/agents/{agent_id}", admin_agents.show, Access.ADMIN),
    Route("PATCH", "/v1/admin/agents/{agent_id}", admin_agents.update, Access.ADMIN),
    Route("DELETE", "/v1/admin/agents/{agent_id}", admin_agents.delete, Access.ADMIN),
    Route("POST", "/v1/admin/agents/{agent_id}/restore", admin_agents.restore, Access.ADMIN),
    Route("GET", "/v1/admin/sessions", session_lists.list_all, Access.ADMIN),
    Route("GET", "/v1/admin/check", check.show, Access.ADMIN),
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
