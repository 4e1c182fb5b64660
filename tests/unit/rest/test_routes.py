from aiohttp import web

from voicehub.rest.middleware import Access
from voicehub.rest.routes import ROUTES, add_routes


async def nothing(_):
    return web.Response()


def test_only_health_and_the_ways_to_sign_in_are_open():
    assert {route.path for route in ROUTES if route.access is Access.OPEN} == {
        "/healthz",
        "/readyz",
        "/v1/auth/login",
        "/v1/auth/google",
        "/v1/auth/token_exchange",
        "/v1/auth/refresh",
        "/v1/auth/logout",
        "/v1/auth/password_resets",
        "/v1/auth/password_resets/confirm",
    }


def test_a_client_secret_reaches_the_socket_alone():
    assert all(route.access is not Access.SESSION for route in ROUTES)


def test_every_row_of_the_table_is_served():
    app = web.Application()
    add_routes(app, nothing)
    served = {(route.method, route.resource.canonical) for route in app.router.routes()}
    assert served == {(route.method, route.path) for route in ROUTES} | {("GET", "/v1/realtime")}
