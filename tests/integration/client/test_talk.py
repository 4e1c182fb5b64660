"""`voicehub talk` on a connection that breaks."""

import asyncio

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tests.integration.client.conftest import announce
from voicehub.client import clip
from voicehub.jobs.recordings import close_recordings
from voicehub.keys import SPACES, SPOOL
from voicehub.realtime.tokens import duration_usage
from voicehub.talk import talk
from voicehub.tasks import spawn

USAGE = duration_usage(0, 1_000, 5, 0)
APPEND = "input_audio_buffer.append"


@pytest.fixture
async def talk_once(exchange, tmp_path):
    path = tmp_path / "loud.wav"
    clip.save(path, np.full(24 * 300, 5_000, np.int16))
    app = typer.Typer()
    app.command()(talk)
    token = await exchange.sites[0].token()
    said = ("--url", exchange.url, "--token", token, "--wav", str(path))
    # In a thread: the command has an event loop of its own.
    return lambda: spawn(asyncio.to_thread(CliRunner().invoke, app, said), name="talk")


async def begun(site):
    async with asyncio.timeout(15):
        while not site.engines:
            await site.redis.ping()
    await site.engine.until_taken(APPEND, 5)


async def test_it_says_so_and_goes_on(exchange, talk_once):
    talking = talk_once()
    site = exchange.sites[0]
    await begun(site)
    await announce(site.engine, 1)
    await site.engine.speak(1, 100)
    exchange.proxy.cut()
    await site.engine.until_taken(APPEND, 10)
    await site.engine.end_reply(1, "Still here.", usage=USAGE)
    result = await talking
    assert result.exit_code == 0, result.output
    lines = [line.partition("-- ")[2] for line in result.output.splitlines()]
    assert "connection lost, coming back..." in lines
    assert any(line.startswith("back after ") for line in lines)
    assert "Still here." in result.output
    assert "completed" in result.output


async def test_what_a_lost_server_would_have_answered_is_asked_again(exchange, talk_once):
    talking = talk_once()
    site, other = exchange.sites
    await begun(site)
    await announce(site.engine, 1)
    await site.engine.speak(1, 100)
    exchange.switch(other)
    exchange.proxy.cut()
    await begun(other)
    await other.engine.until_taken(APPEND, 8)
    await other.engine.reply(2, "Once more.", usage=USAGE)
    session_id = await site.run("SELECT max(id) FROM sessions")
    for each in (other, site):  # the old owner learns of it as it renews its lease
        await each.over(session_id)
    stores = (site.pg, site.redis, site.app[SPACES], site.app[SPOOL])
    async with asyncio.timeout(20):  # as the worker does, once the spool's host had its time
        while not await close_recordings(*stores):
            pass
    result = await talking
    assert result.exit_code == 0, result.output
    assert "the reply was lost; saying it again" in result.output
    assert "Once more." in result.output
