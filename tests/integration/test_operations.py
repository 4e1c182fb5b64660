"""What a server tells of itself, in logs, metrics and traces, while real people use it; and that
nothing of theirs is in it.
"""

import asyncio
import os
import socket
import sys
import zlib
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.realtime import Talk
from tests.servers import seeded_environment, serving
from voicehub.storage import seed

PASSWORD = "zebra password of the user"
# Each begins alike, so that half of one is found too.
MARKS = ("zebra", seed.USER_EMAIL, "ek_", "eyJ", "Bearer")
WORDS = "Zebra zebra, who are you?"


@asynccontextmanager
async def collector():
    """Takes traces by OTLP over HTTP; gives their bytes, in which names and values stand plain."""
    taken = asyncio.Queue()

    async def take(request):
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        taken.put_nowait(body)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/"), taken


@pytest.fixture
async def environment(store_environment, pg, tmp_path):
    known = await seeded_environment(store_environment, pg, tmp_path / "spool", PASSWORD)
    return {**known, "VOICEHUB_ENGINE": "local", "VOICEHUB_GRACE_S": "0"}


async def converse(http, url):
    """Sign in, talk, read the session; and all that somebody does wrong on the way."""
    signed_in = await http.post(
        f"{url}/v1/auth/login", json={"email": seed.USER_EMAIL, "password": PASSWORD}
    )
    token = (await signed_in.json())["access_token"]
    asked = {"Authorization": f"Bearer {token}", "X-Request-Id": "mine"}
    created = await http.post(
        f"{url}/v1/sessions",
        json={"agent": "Ava", "context": {"animal": "zebra in the context"}},
        headers=asked,
    )
    opened = await created.json()
    secret = opened["client_secret"]["value"]
    async with http.ws_connect(
        f"{url}/v1/realtime",
        headers={"Authorization": f"Bearer {secret}", "X-Request-Id": "socket"},
    ) as opened_socket:
        talk = Talk(opened_socket)
        await talk.until("session.created")
        content = [{"type": "input_text", "text": WORDS}]
        item = {"type": "message", "role": "user", "content": content}
        await talk.send("conversation.item.create", item=item)
        await talk.send("response.create")
        await talk.until("response.done")
        await talk.send("zebra.event", words=WORDS)
        await talk.raw(b'{"type": "zebra')
        await talk.until("error")
        await talk.until("error")
    await err(http, url, token, secret)
    return opened["id"], asked


async def err(http, url, token, secret):
    login = f"{url}/v1/auth/login"
    await http.post(login, json={"email": "zebra@zoo.example", "password": "zebra"})
    await http.post(login, json={"email": seed.USER_EMAIL, "password": "wrong zebra"})
    await http.post(login, data=b'{"zebra": "zebra', headers={"Content-Type": "application/json"})
    await http.get(f"{url}/v1/sessions?zebra=zebra&token={token}")
    await http.get(f"{url}/v1/zebra/{secret}")
    await http.get(f"{url}/v1/me", headers={"Authorization": "Bearer zebra.zebra.zebra"})
    await http.get(f"{url}/v1/realtime?model=zebra&token={token}")
    host, _, port = url.partition("://")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET / HTTP/1.1\r\nAuthorization zebra {token}\r\n\r\n".encode())
    await reader.read()
    writer.close()


async def test_logs_metrics_and_traces_of_a_conversation_hold_nothing_of_it(
    environment, unused_tcp_port
):
    more = {"VOICEHUB_METRICS_PORT": str(unused_tcp_port), "OTEL_BSP_SCHEDULE_DELAY": "100"}
    async with collector() as (endpoint, taken), ClientSession() as http:
        more["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        async with serving({**environment, **more}) as server:
            session_id, asked = await converse(http, server.url)
            await server.logged("session put away", session_id=session_id)
            shown = await http.get(f"{server.url}/v1/sessions/{session_id}", headers=asked)
            assert WORDS in await shown.text(), "there is something that could be told"
            metrics = await (await http.get(f"http://127.0.0.1:{unused_tcp_port}/metrics")).text()
            assert await server.stop() == 0
        traces = b"".join(taken.get_nowait() for _ in range(taken.qsize())).decode(errors="replace")
    logs = "\n".join(orjson.dumps(line).decode() for line in server.lines)

    for what, told in (("log", logs + server.said), ("metrics", metrics), ("trace", traces)):
        found = [mark for mark in MARKS if mark.lower() in told.lower()]
        assert not found, f"{found} in the {what}"

    lines = [line for line in server.lines if line.get("session_id") == session_id]
    assert {"session started", "session put away"} <= {line["event"] for line in lines}
    assert {line["team_id"] for line in lines} == {lines[0]["team_id"]}
    assert {line["request_id"] for line in lines} == {"socket"}
    requests = server.logged_already("request")
    assert all(line["request_id"] for line in requests if line["route"])
    assert [line["route"] for line in requests if line["request_id"] == "mine"] == [
        "/v1/sessions",
        "/v1/sessions/{session_id}",
    ]

    for line in (
        'voicehub_legs_started_total{kind="new"} 1.0',
        'voicehub_legs_ended_total{reason="client_close",status="completed"} 1.0',
        'voicehub_responses_total{status="completed"} 1.0',
        "voicehub_response_first_audio_seconds_count 1.0",
        'voicehub_engine_open_seconds_count{outcome="opened"} 1.0',
        'voicehub_sessions{state="open"} 0.0',
        'voicehub_store_away{store="redis"} 0.0',
        'voicehub_http_requests_total{method="POST",route="/v1/sessions",status="201"} 1.0',
        'voicehub_http_requests_total{method="GET",route="/v1/realtime",status="101"} 1.0',
    ):
        assert line in metrics.splitlines(), line
    assert 'voicehub_store_operation_seconds_count{operation="book",store="redis"}' in metrics
    assert 'voicehub_tokens_booked_total{kind="text"}' in metrics
    for name in ("POST /v1/sessions", "session", "leg", "engine open", "response", "put away"):
        assert name in traces
    assert "postgres transaction" in traces


async def test_each_of_several_workers_has_its_own_metrics(environment, unused_tcp_port_factory):
    first = next(port for port in iter(unused_tcp_port_factory, None) if is_free(port + 1))
    more = {"VOICEHUB_METRICS_PORT": str(first), "VOICEHUB_ENGINE": "echo"}
    async with (
        serving({**environment, **more}, "--workers", "2") as server,
        ClientSession() as http,
    ):
        served = [await server.logged("metrics are served", port=first + each) for each in (0, 1)]
        assert len(served) == 2
        for port in (first, first + 1):
            async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert "voicehub_build_info" in await answer.text()
        assert await server.stop() == 0


async def test_the_worker_tells_of_its_jobs(environment, unused_tcp_port):
    more = {"VOICEHUB_WORKER_METRICS_PORT": str(unused_tcp_port), "VOICEHUB_LOG": "json"}
    async with working({**environment, **more}) as child, ClientSession() as http:
        async with asyncio.timeout(60):
            while (line := orjson.loads(await child.stderr.readline()))[
                "event"
            ] != "worker started":
                assert line["level"] == "info"
            url = f"http://127.0.0.1:{unused_tcp_port}/metrics"
            done = 'voicehub_job_runs_total{job="sweep",outcome="done"}'
            while done not in (text := await (await http.get(url)).text()):
                pass
        assert "voicehub_job_last_success_timestamp_seconds" in text
        assert 'voicehub_job_seconds_count{job="settle"}' in text


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@asynccontextmanager
async def working(environment):
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicehub", "worker"),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        child.terminate()
        await child.communicate()
