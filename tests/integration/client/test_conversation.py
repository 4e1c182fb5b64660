"""Pauses, as a caller asks for them."""

import pytest

from tests.realtime import STEP_S_MAX
from voicehub.client import Paused, Resumed
from voicehub.realtime.tokens import duration_usage

USAGE = duration_usage(0, 1_000, 5, 0)


async def test_a_pause_and_what_comes_after_it(exchange):
    site = exchange.sites[0]
    line = await exchange.line()
    await line.talk.pause()
    assert isinstance(line.notices[-1], Paused)
    row = await site.until(line.session_id, lambda row: row["status"] == "paused")
    await line.talk.resume()
    assert line.notices[-1] == Resumed()
    await site.engine.reply(1, "Again.", usage=USAGE)
    reply = await line.talk.reply(since=0, timeout_s=STEP_S_MAX)
    assert reply.status == "completed"
    await exchange.hang_up()
    ended = await site.over(line.session_id)
    assert ended["status"] == "completed"
    assert ended["data"]["legs"][1]["at_ms"] == row["data"]["paused_at_ms"]


async def test_a_pause_outlives_its_connection_until_the_caller_goes_on(exchange):
    site, other = exchange.sites
    line = await exchange.line()
    await line.talk.pause()
    await site.until(line.session_id, lambda row: row["status"] == "paused")
    exchange.switch(other)
    await site.drain(1.0)
    await line.talk.wait_for("error", where=lambda body: body["error"]["code"] == "server_draining")
    assert (await site.row(line.session_id))["status"] == "paused"
    await line.talk.resume()
    assert [type(notice).__name__ for notice in line.notices] == ["Paused", "Resumed"]
    await other.engine.reply(1, "Elsewhere.", usage=USAGE)
    assert (await line.talk.reply(since=0)).status == "completed"


@pytest.mark.parametrize("by_rest", [True, False])
async def test_a_pause_by_rest_is_heard_of(exchange, by_rest):
    line = await exchange.line()
    api = await exchange.api()
    if by_rest:
        assert (await api.pause(line.session_id))["status"] == "paused"
        await line.talk.wait_for("voicehub.session.paused")
    else:
        await line.talk.pause()
    fresh = await api.resume(line.session_id)
    assert fresh["client_secret"]["value"].startswith("ek_")
    await line.talk.resume()
    assert line.notices[-1] == Resumed()
