"""One line a request, and what the metrics say of it."""

import asyncio
import logging

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from voicehub import keys
from voicehub.rest.access_log import AccessLog


@pytest.fixture
async def logged(app, tokens, web_client):
    """The same app behind a server that logs."""
    del tokens
    log = logging.getLogger("voicehub.access")
    server = TestServer(app)
    with structlog.testing.capture_logs() as lines:
        await server.start_server(access_log=log, access_log_class=AccessLog)
        async with TestClient(server) as client:
            web_client.client = client
            yield lines
    assert isinstance(app, web.Application)


def requests(lines):
    return [line for line in lines if line["event"] == "request"]


async def test_a_line_tells_the_route_and_neither_path_nor_query(web_client, logged, app):
    response, _ = await web_client.get("/v1/sessions/12345?token=s3cret&email=ada@one.example")
    (line,) = requests(logged)
    assert line["route"] == "/v1/sessions/{session_id}"
    assert (line["method"], line["status"]) == ("GET", response.status)
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert line["duration_ms"] >= 0
    assert (line["team_id"], line["user_id"]) == (web_client.teams["one"], web_client.users["ada"])
    shown = str(line)
    assert not any(each in shown for each in ("12345", "s3cret", "ada@one.example", "Bearer"))
    telemetry = app[keys.TELEMETRY]
    assert telemetry.requests.value("GET", line["route"], str(response.status)) == 1
    assert telemetry.request_seconds.cell("GET", line["route"]).count == 1


async def test_what_no_route_is_for_makes_no_label_of_its_own(web_client, logged, app):
    for method, path in (("GET", "/v1/s3cret"), ("MKCOL", "/v1/me"), ("GET", "/%00s3cret")):
        await web_client.ask(method, path, who=None)
    assert "s3cret" not in str(logged)
    assert "MKCOL" not in str(logged)
    telemetry = app[keys.TELEMETRY]
    assert telemetry.requests.value("GET", "none", "404") == 2
    assert telemetry.requests.value("other", "none", "405") == 1


async def test_probes_leave_no_line_and_are_counted(web_client, logged, app):
    await web_client.get("/healthz", who=None)
    assert not requests(logged)
    assert app[keys.TELEMETRY].requests.value("GET", "/healthz", "200") == 1


async def test_what_is_no_http_is_a_line_without_content(web_client, logged):
    server = web_client.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"s3cret garbage\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] == b"400"
    (line,) = requests(logged)
    assert (line["status"], line["route"]) == (400, None)
    assert "s3cret" not in str(logged)
