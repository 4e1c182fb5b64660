from itertools import count

import orjson
import pytest
from aiohttp import WSMsgType

from voicehub.errors import ConflictError, DrainError
from voicehub.live.connection import Connection
from voicehub.promptly import is_held_back, write
from voicehub.tasks import spawn


@pytest.fixture
def connection(pair):
    numbers = count(1)
    return Connection(pair.server, pair.abort, lambda kind: f"{kind}_{next(numbers)}")


async def test_an_error_is_told_as_an_event(connection, pair):
    await connection.tell(ConflictError("No.", code="busy"), "mine")
    event = await pair.client.receive_json(loads=orjson.loads)
    assert (event["type"], event["error"]["code"]) == ("error", "busy")
    assert (event["event_id"], event["error"]["event_id"]) == ("event_1", "mine")


@pytest.mark.parametrize(
    ("error", "code"), [(DrainError("Away."), 1012), (ConflictError("Another."), 1008)]
)
async def test_who_is_dismissed_is_told_why(connection, pair, error, code):
    task = spawn(connection.dismiss(error), name="dismissal")
    assert (await pair.client.receive_json())["error"]["code"] == error.code
    closing = await pair.client.receive()
    assert (closing.data, closing.extra) == (code, error.code)
    await task
    assert connection.over.is_set()


async def test_a_socket_that_is_gone_can_be_dismissed(connection, pair):
    pair.abort()
    while not pair.server.closed:
        await pair.server.receive()
    await connection.dismiss(DrainError("Away."))
    assert connection.over.is_set()


async def test_who_takes_nothing_is_cut_off(connection, pair, monkeypatch):
    monkeypatch.setattr("voicehub.live.connection.DISMISSAL_S", 0.05)
    pair.client._response.connection.transport.pause_reading()
    while not is_held_back(pair.server):
        write(pair.server, bytes(2_000_000), WSMsgType.BINARY)
    await connection.dismiss(DrainError("Away."))
    assert pair.cut.is_set()
    assert connection.over.is_set()


async def test_a_stock_client_asked_for_nothing_more(connection):
    assert not connection.is_extended
