"""The metrics over HTTP, as Prometheus fetches them."""

import asyncio
import socket

import pytest
from aiohttp import ClientSession

from voicehub.telemetry import exposition
from voicehub.telemetry.exposition import Place, exposed
from voicehub.telemetry.telemetry import Telemetry

HOST = "127.0.0.1"


async def fetched(port, path="/metrics", **headers):
    async with (
        ClientSession() as http,
        http.get(f"http://{HOST}:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


async def until_it_answers(port):
    async with asyncio.timeout(10):
        while True:
            try:
                return await fetched(port)
            except OSError:
                await asyncio.sleep(0)


async def test_metrics_are_served_in_the_form_that_is_asked_for(unused_tcp_port):
    telemetry = Telemetry()
    async with exposed(telemetry, Place(HOST, unused_tcp_port)):
        status, headers, text = await until_it_answers(unused_tcp_port)
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain")
        assert "# TYPE voicehub_event_loop_lag_seconds histogram" in text
        accepted = "application/openmetrics-text; version=1.0.0"
        _, headers, text = await fetched(unused_tcp_port, Accept=accepted)
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        assert text.endswith("# EOF\n")
        assert (await fetched(unused_tcp_port, "/"))[0] == 404


async def test_a_token_is_asked_for_where_one_is_set(unused_tcp_port):
    async with exposed(Telemetry(), Place(HOST, unused_tcp_port, "s3cret")):
        status, headers, text = await until_it_answers(unused_tcp_port)
        assert (status, headers["WWW-Authenticate"], text) == (401, "Bearer", "")
        assert (await fetched(unused_tcp_port, Authorization="Bearer other"))[0] == 401
        assert (await fetched(unused_tcp_port, Authorization="Bearer s3cret"))[0] == 200


class Log(asyncio.Queue):
    def info(self, event, **attributes):
        self.put_nowait((event, attributes))

    warning = info


@pytest.fixture
def log(monkeypatch):
    log = Log()
    monkeypatch.setattr(exposition, "logger", log)
    return log


async def test_a_port_that_is_taken_is_waited_for_and_told_once(unused_tcp_port, monkeypatch, log):
    monkeypatch.setattr(exposition, "RETRY_S", 0)
    with socket.create_server((HOST, unused_tcp_port)) as holder:
        async with exposed(Telemetry(), Place(HOST, unused_tcp_port)), asyncio.timeout(10):
            assert (await log.get())[0] == "metrics wait for their port"
            holder.close()
            assert (await log.get())[0] == "metrics are served"
            assert (await fetched(unused_tcp_port))[0] == 200


async def test_a_free_port_is_taken_where_none_is_named(log):
    async with exposed(Telemetry(), Place(HOST, 0)), asyncio.timeout(10):
        event, attributes = await log.get()
        assert event == "metrics are served"
        assert (await fetched(attributes["port"]))[0] == 200


async def test_without_a_port_nothing_listens(log):
    async with exposed(Telemetry(), Place(HOST, None)):
        assert "metrics" not in {task.get_name() for task in asyncio.all_tasks()}
