"""The socket of a paused session, on loopback."""

import orjson
import pytest

from voicehub.errors import DrainError
from voicehub.ids import new_id
from voicehub.live.connection import Connection
from voicehub.live.paused import PausedSocket
from voicehub.session.state import EndedReason
from voicehub.tasks import spawn


@pytest.fixture
async def paused(pair):
    return PausedSocket(Connection(pair.server, pair.abort, new_id), idle_s=30)


async def send(pair, **event):
    await pair.client.send_str(orjson.dumps(event).decode())


async def test_it_waits_until_the_client_asks_to_go_on(paused, pair):
    waiting = spawn(paused.resume_asked(), name="paused")
    await pair.client.send_bytes(b"\0\0")
    await send(pair, type="voicehub.session.resume")
    assert await waiting is True
    assert not pair.server.closed


async def test_all_else_is_answered_and_changes_nothing(paused, pair):
    waiting = spawn(paused.resume_asked(), name="paused")
    for event, code in (
        ({"type": "response.create"}, "session_paused"),
        ({"type": "no such"}, "invalid_value"),
    ):
        await send(pair, **event, event_id="mine")
        error = (await pair.client.receive_json())["error"]
        assert (error["code"], error["event_id"]) == (code, "mine")
    await send(pair, type="voicehub.session.resume")
    assert await waiting is True


async def test_a_client_that_leaves_does_not_go_on(paused, pair):
    waiting = spawn(paused.resume_asked(), name="paused")
    await pair.client.close()
    assert await waiting is False


async def test_after_too_long_the_socket_is_closed(pair):
    paused = PausedSocket(Connection(pair.server, pair.abort, new_id), idle_s=0.01)
    waiting = spawn(paused.resume_asked(), name="paused")
    assert (await pair.client.receive_json())["error"]["code"] == "session_idle"
    assert (await pair.client.receive()).data == 1001
    assert await waiting is False


async def test_a_drain_closes_it(paused, pair):
    waiting = spawn(paused.resume_asked(), name="paused")
    for _ in range(2):
        paused.end(EndedReason.DRAIN, DrainError("Away."), at_turn_end=True, within_ms=5)
    assert (await pair.client.receive_json())["error"]["code"] == "server_draining"
    assert (await pair.client.receive()).data == 1012
    assert await waiting is False
