"""What browsers ask before a page of another origin may use the API, and what they are told."""

import re

import pytest

from voicehub.rest.cors import ACCEPTED, EXPOSED
from voicehub.rest.routes import ROUTES

PAGE = "https://app.example"
OTHERS = [
    *("https://evil.example", "https://app.example.evil.example", "http://app.example", "null"),
    *("https://app.example:8443", "https://APP.example", "https://app.example/", "*", ""),
]


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"allowed_origins": [PAGE, "http://localhost:3000"]})


def cors_of(response):
    return {name for name in response.headers if name.startswith("Access-Control-")}


async def preflight(web_client, path, origin=PAGE, method="GET"):
    sent = {"Origin": origin, "Access-Control-Request-Method": method}
    return (await web_client.ask("OPTIONS", path, headers=sent, who=None))[0]


async def test_each_route_answers_a_preflight_with_its_methods(web_client):
    methods = {}
    for route in ROUTES:
        methods.setdefault(route.path, {"OPTIONS"}).add(route.method)
    for path, expected in methods.items():
        asked = re.sub(r"{\w+}", "1", path)
        response = await preflight(web_client, asked)
        assert (response.status, await response.read()) == (204, b"")
        given = response.headers["Access-Control-Allow-Methods"]
        assert expected <= set(given.split(", ")), path
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert response.headers["Access-Control-Allow-Headers"] == ", ".join(ACCEPTED)
        assert response.headers["Vary"] == "Origin"
        assert response.headers["Access-Control-Max-Age"] == "7200"


async def test_an_answer_may_be_read_by_the_pages_that_are_named(web_client):
    for path, who, status in (("/v1/me", "ada", 200), ("/v1/me", None, 401), ("/x", None, 404)):
        response, _ = await web_client.get(path, who=who, headers={"Origin": PAGE})
        assert response.status == status
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert response.headers["Access-Control-Expose-Headers"] == ", ".join(EXPOSED)
        assert "Origin" in response.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", OTHERS)
async def test_other_pages_get_no_permission_at_all(web_client, origin):
    response = await preflight(web_client, "/v1/me", origin)
    assert not cors_of(response)
    assert response.headers["Vary"] == "Origin"
    response, _ = await web_client.get("/v1/me", headers={"Origin": origin})
    assert response.status == 200
    assert not cors_of(response)


async def test_a_client_without_origin_gets_no_permission_and_caches_know(web_client):
    response, _ = await web_client.get("/v1/me")
    assert not cors_of(response)
    assert response.headers["Vary"] == "Origin"


async def test_options_without_a_browser_names_the_methods(web_client):
    response, _ = await web_client.ask("OPTIONS", "/v1/me", who=None)
    assert response.status == 204
    assert "GET" in response.headers["Allow"].split(", ")
    assert not cors_of(response)
    response, _ = await web_client.ask("OPTIONS", "/v1/nothing", who=None)
    assert response.status == 404


class TestWithoutOrigins:
    @pytest.fixture
    def settings(self, settings):
        return settings.model_copy(update={"allowed_origins": []})

    async def test_nobody_gets_a_permission(self, web_client):
        assert not cors_of(await preflight(web_client, "/v1/me"))
        response, _ = await web_client.get("/v1/me", headers={"Origin": PAGE})
        assert not cors_of(response)
        assert "Vary" not in response.headers
