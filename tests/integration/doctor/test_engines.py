"""Engines that open, and those that do not."""

import asyncio

import pytest

from voicehub.doctor import engines as module
from voicehub.doctor.engines import look_at_engines
from voicehub.doctor.finding import State
from voicehub.engines.scripted import Echo, ScriptedEngine
from voicehub.engines.upstream.account import Upstream
from voicehub.engines.upstream.dial import open_http
from voicehub.engines.upstream.engine import UpstreamEngine
from voicehub.errors import EngineError


@pytest.fixture
async def upstream():
    """Makes an engine at a port."""
    async with open_http() as http:
        yield (
            lambda port: (
                lambda: UpstreamEngine(
                    Upstream(
                        "cloud",
                        url=f"ws://127.0.0.1:{port}/v1/realtime",
                        model=None,
                        key="s3cret",
                        auth="bearer",
                        more_headers={},
                        session_max_s=60,
                        transcription_model="words",
                    ),
                    http,
                )
            )
        )


async def test_one_that_opens_is_told_with_its_time():
    (finding,) = await look_at_engines({"echo": lambda: ScriptedEngine(Echo())}, "echo")
    assert finding.state is State.OK


async def test_one_that_is_not_configured_fails():
    def refuse():
        raise EngineError("Its key is not set.")

    found = await look_at_engines({"cloud": refuse}, "local")
    assert [(each.subject, each.state) for each in found] == [
        ("Engine cloud", State.FAILED),
        ("Engine local", State.FAILED),
    ]


async def test_an_upstream_that_is_not_there_fails(upstream, unused_tcp_port, monkeypatch):
    monkeypatch.setattr(module, "OPEN_DEADLINE_S", 1.0)
    (finding,) = await look_at_engines({"cloud": upstream(unused_tcp_port)}, "cloud")
    assert finding.state is State.FAILED
    assert "s3cret" not in str(finding)


async def test_an_upstream_that_says_nothing_meets_the_deadline(
    upstream, unused_tcp_port, monkeypatch
):
    monkeypatch.setattr(module, "OPEN_DEADLINE_S", 0.1)

    async def say_nothing(reader, writer):
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", unused_tcp_port)
    async with silent:
        (finding,) = await look_at_engines({"cloud": upstream(unused_tcp_port)}, "cloud")
    assert finding.what.startswith("it did not open within")
