import base64
import json
import re
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import structlog
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer

from voicehub.errors import OverloadError, StorageError
from voicehub.keys import SETTINGS, TELEMETRY
from voicehub.rest.body import BODY_BYTES_MAX
from voicehub.rest.middleware import Access, add_headers, answer_errors, guarded
from voicehub.rest.routes import ROUTES
from voicehub.storage import users
from voicehub.telemetry.telemetry import Telemetry


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_every_guarded_route_asks_for_a_token(web_client, subtests):
    for route in ROUTES:
        if route.access is Access.OPEN:
            continue
        with subtests.test(route.path):
            path = re.sub(r"\{\w+\}", "1", route.path)
            response, _ = await web_client.ask(route.method, path, who=None)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_wrong_tokens_are_refused(web_client, tokens, subtests):
    async with web_client.pg.connection() as conn:
        ada = await users.get(conn, web_client.teams["one"], web_client.users["ada"])
    right, _ = tokens.issue_access(ada)
    claims = jwt.decode(right, options={"verify_signature": False})
    expired, _ = tokens.issue_access(ada, now=datetime.now(UTC) - timedelta(days=1))
    for name, token, code in (
        ("expired", expired, "token_expired"),
        ("unsigned", f"{encoded({'alg': 'none', 'kid': 'k1'})}.{encoded(claims)}.", None),
        (
            "other key",
            jwt.encode(claims, "x" * 40, algorithm="HS256", headers={"kid": "k1"}),
            None,
        ),
        ("cut", right[:-3], None),
        ("garbage", "\xe9\xff", None),
    ):
        with subtests.test(name):
            response, body = await web_client.get("/v1/me", who=None, headers=bearer(token))
            assert response.status == 401
            assert body["code"] == (code or "invalid_api_key")
    assert (await web_client.get("/v1/me", who=None, headers=bearer(right)))[0].status == 200


async def test_a_client_secret_opens_the_socket_and_nothing_else(web_client):
    _, body = await web_client.post("/v1/sessions", {"agent": "Ava"})
    headers = bearer(body["client_secret"]["value"])
    for path in ("/v1/me", "/v1/sessions", f"/v1/sessions/{body['id']}"):
        response, problem = await web_client.get(path, who=None, headers=headers)
        assert (response.status, problem["code"]) == (403, "forbidden")
    subprotocol = f"openai-insecure-api-key.{body['client_secret']['value']}"
    headers = {"Sec-WebSocket-Protocol": f"realtime, {subprotocol}"}
    response, _ = await web_client.get("/v1/realtime", who=None, headers=headers)
    assert response.status == 200


async def test_problems_carry_what_rfc_9457_asks(web_client):
    response, body = await web_client.get("/v1/nothing", headers={"X-Request-Id": "my-id.1"})
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    assert body == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found.",
        "code": "not_found",
        "request_id": "my-id.1",
    }
    assert response.headers["X-Request-Id"] == "my-id.1"


async def test_an_unfit_request_id_is_replaced(web_client):
    response, _ = await web_client.get("/healthz", headers={"X-Request-Id": "a b" * 100})
    assert len(response.headers["X-Request-Id"]) == 32


async def test_a_wrong_method_says_which_are_right(web_client):
    response, body = await web_client.ask("DELETE", "/v1/me")
    assert (response.status, body["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET,PATCH"


async def test_answers_tell_browsers_to_be_careful(web_client):
    for path in ("/healthz", "/v1/me", "/v1/nothing"):
        response, _ = await web_client.get(path)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_a_body_beyond_the_limit_is_413(web_client):
    response, body = await web_client.post(
        "/v1/auth/login", {"email": "x" * BODY_BYTES_MAX, "password": "x"}, who=None
    )
    assert (response.status, body["code"]) == (413, "message_too_big")


async def test_a_body_that_is_not_encoded_as_it_says_is_400(web_client):
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    response, body = await web_client.ask(
        "POST", "/v1/auth/login", data=b"{}", headers=headers, who=None
    )
    assert (response.status, body["code"]) == (400, "invalid_value")


async def test_a_form_is_told_that_json_is_wanted(web_client):
    response, body = await web_client.ask("POST", "/v1/auth/login", data={"email": "x"}, who=None)
    assert (response.status, body["code"]) == (415, "unsupported_media_type")


class BrokenError(Exception):
    """What nobody expected, with somebody's words in its message."""


@pytest.fixture
async def broken(settings):
    """A server whose routes fail in every way."""

    async def fail(request):
        raise {
            "bug": BrokenError("what somebody said"),
            "store": StorageError("Postgres: down"),
            "busy": OverloadError("Too much.", retry_after_s=7),
        }[request.match_info["how"]]

    async def fail_late(request):
        response = web.StreamResponse()
        await response.prepare(request)
        raise BrokenError("what somebody said")

    async def upgrade(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket

    app = web.Application(middlewares=[answer_errors])
    app[SETTINGS], app[TELEMETRY] = settings, Telemetry()
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/late", fail_late)
    app.router.add_get("/upgrade", upgrade)
    for prefix in ("/v1/fail", "/v1/realtime"):
        app.router.add_get(prefix + "/{how}", guarded(fail, Access.OPEN))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_bug_is_a_500_that_is_logged_once_without_content(broken):
    with structlog.testing.capture_logs() as logs:
        response = await broken.get("/v1/fail/bug")
        body = await response.json(content_type=None)
    assert response.status == 500
    assert body["detail"] == "Something went wrong on our side."
    assert len(logs) == 1
    assert logs[0]["event"] == "request failed"
    assert logs[0]["error"] == "BrokenError"
    assert logs[0]["route"] == "/v1/fail/{how}"
    assert logs[0]["request_id"] == body["request_id"]
    assert any("test_middleware.py" in place for place in logs[0]["at"])
    assert "somebody" not in str(logs)


async def test_the_realtime_paths_keep_openais_shape(broken):
    response = await broken.get("/v1/realtime/bug")
    assert (response.status, response.content_type) == (500, "application/json")
    assert await response.json() == {
        "error": {
            "type": "server_error",
            "code": "server_error",
            "message": "Something went wrong on our side.",
            "param": None,
        }
    }


async def test_a_store_that_is_down_is_503(broken):
    response = await broken.get("/v1/fail/store")
    assert response.status == 503
    assert (await response.json(content_type=None))["code"] == "storage_unavailable"


async def test_an_overload_says_when_to_come_back(broken):
    response = await broken.get("/v1/fail/busy")
    assert (response.status, response.headers["Retry-After"]) == (503, "7")


async def test_a_failure_after_the_answer_began_breaks_it_off(broken, caplog):
    with structlog.testing.capture_logs() as logs:
        response = await broken.get("/late")
        assert response.status == 200
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert [entry["error"] for entry in logs] == ["BrokenError"]
    assert "somebody" not in caplog.text


async def test_a_websocket_upgrade_carries_the_headers_too(broken):
    async with broken.ws_connect("/upgrade") as socket:
        assert socket._response.headers["X-Content-Type-Options"] == "nosniff"
        assert socket._response.headers["X-Request-Id"]


async def test_browsers_are_told_to_stay_with_tls_where_clients_come_by_it(web_client):
    response, _ = await web_client.get("/healthz", who=None)
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


class TestWithoutTls:
    @pytest.fixture
    def settings(self, settings):
        return settings.model_copy(update={"public_url": "http://voice.example"})

    async def test_browsers_are_told_nothing_of_tls(self, web_client):
        response, _ = await web_client.get("/healthz", who=None)
        assert "Strict-Transport-Security" not in response.headers
