from aiohttp import web

from voicehub.rest.middleware import Access
from voicehub.rest.routes import ROUTES, TEAMS, add_routes


async def nothing(_):
    return web.Response()


# What needs no proof, and why. A new path stands here or asks for one.
OPEN = {
    "/healthz": "for load balancers",
    "/readyz": "for load balancers",
    "/docs": "tells nothing of anybody",
    "/docs/{file}": "the same",
    "/v1/openapi.json": "the same",
    "/v1/auth/methods": "for who is to choose one",
    "/v1/auth/login": "the proof is made here",
    "/v1/auth/google": "the same",
    "/v1/auth/token_exchange": "the same",
    "/v1/auth/refresh": "the refresh token is the proof",
    "/v1/auth/logout": "the same",
    "/v1/auth/password_resets": "for who has lost the proof",
    "/v1/auth/password_resets/confirm": "the token that was mailed is the proof",
}


def test_what_is_open_is_meant_to_be():
    assert {route.path for route in ROUTES if route.access is Access.OPEN} == set(OPEN)


def test_what_names_a_team_in_its_path_is_for_admins():
    assert all(
        route.access is Access.ADMIN
        for route in ROUTES
        if route.path.startswith(("/v1/teams", "/v1/admin"))
    )


def test_an_admin_has_each_of_a_teams_own_operations():
    mirrored = {(each.method, each.path): each.operation for each in ROUTES}
    for route in TEAMS:
        path = f"/v1/teams/{{team_id}}{route.path.removeprefix('/v1')}"
        assert mirrored[route.method, path] is route.operation


def test_a_path_and_method_stand_in_the_table_once():
    rows = [(route.method, route.path) for route in ROUTES]
    assert len(rows) == len(set(rows))


def test_a_client_secret_reaches_the_socket_alone():
    assert all(route.access is not Access.SESSION for route in ROUTES)


def test_every_row_of_the_table_is_served():
    app = web.Application()
    add_routes(app, nothing)
    served = {(route.method, route.resource.canonical) for route in app.router.routes()}
    assert served == {(route.method, route.path) for route in ROUTES} | {("GET", "/v1/realtime")}
