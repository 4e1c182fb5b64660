import asyncio

import pytest

from voicehub.ids import new_id
from voicehub.live import outbox
from voicehub.live.connection import Connection
from voicehub.live.outbox import Outbox
from voicehub.realtime.frame import Frame
from voicehub.tasks import spawn, stop


def frame(number, audio=None):
    kind = "response.output_audio.delta"
    return Frame(kind, {"type": kind, "number": number}, audio=audio)


def attached(pair):
    box = Outbox()
    box.attach(Connection(pair.server, pair.abort, new_id))
    return box


@pytest.fixture
async def running(pair):
    box = attached(pair)
    task = spawn(box.run(), name="outbox")
    yield box, pair, task
    await stop(task)


async def numbers(pair, count):
    return [(await pair.client.receive_json())["number"] for _ in range(count)]


async def test_frames_leave_in_order_and_then_the_close(running):
    box, pair, task = running
    for number in range(3):
        box.put(frame(number))
    box.close(1008, "enough")
    box.close(1011, "too late")
    assert await numbers(pair, 3) == [0, 1, 2]
    closing = await pair.client.receive()
    assert (closing.data, closing.extra) == (1008, "enough")
    await task


async def test_a_frame_waits_for_its_write_and_holds_what_is_behind_it(running):
    box, pair, _ = running
    kept = asyncio.get_running_loop().create_future()
    box.put(frame(1))
    box.put(frame(2), kept)
    box.put(frame(3))
    assert await numbers(pair, 1) == [1]
    reading = spawn(numbers(pair, 2), name="reading")
    await asyncio.wait([reading], timeout=0.05)
    assert not reading.done()
    kept.set_result(None)
    assert await reading == [2, 3]


async def test_a_frame_whose_write_was_given_up_never_leaves(running):
    box, pair, _ = running
    lost = asyncio.get_running_loop().create_future()
    box.put(frame(1), lost)
    box.put(frame(2))
    lost.cancel()
    assert await numbers(pair, 1) == [2]


async def test_what_waits_is_measured_and_can_be_dropped(pair, monkeypatch):
    monkeypatch.setattr(outbox, "FRAMES_MAX", 10)
    monkeypatch.setattr(outbox, "BYTES_MAX", 100_000)
    box = attached(pair)
    for number in range(10):
        box.put(frame(number))
    assert not box.overflown
    box.put(frame(10))
    assert box.overflown
    box.drop()
    assert not box.overflown
    box.put(frame(11, bytes(100_000)))
    assert box.overflown


async def test_a_client_that_takes_nothing_is_cut_off(running, monkeypatch):
    monkeypatch.setattr(outbox, "SEND_DEADLINE_S", 0.05)
    box, pair, _ = running
    pair.client._response.connection.transport.pause_reading()
    for number in range(8):
        box.put(frame(number, bytes(2_000_000)))
    await pair.cut.wait()


async def test_a_client_that_takes_what_comes_is_not_cut_off(running, monkeypatch):
    monkeypatch.setattr(outbox, "SEND_DEADLINE_S", 0.05)
    box, pair, _ = running
    for number in range(2):  # the timer of the first looks at the second
        kept = asyncio.get_running_loop().create_future()
        box.put(frame(number), kept)
        kept.set_result(None)
        assert await numbers(pair, 1) == [number]
        watch = box._watch
        over = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_at(watch.when() + 0.01, over.set_result, None)
        await over
    assert not pair.cut.is_set()
    assert box._watch is None


async def test_what_a_broken_socket_did_not_take_waits_for_the_next(running):
    box, pair, task = running
    await idle(box)
    pair.client._response.connection.transport.abort()
    await pair.server.receive()
    box.put(frame(1))
    box.detach()
    box.put(frame(2))
    assert len(box._entries) == 2
    assert not task.done()


async def idle(box):
    """Until what is put may leave at once."""
    for _ in range(8):
        await asyncio.sleep(0)
    assert box._is_idle


async def test_a_frame_leaves_at_once_where_nothing_is_to_be_waited_for(running):
    box, pair, _ = running
    await idle(box)
    kept = asyncio.get_running_loop().create_future()
    kept.set_result(None)
    box.put(frame(1))
    box.put(frame(2), kept)
    assert not box._entries
    assert [each.body["number"] for each in box._sent.after("")] == [1, 2]
    assert await numbers(pair, 2) == [1, 2]


async def test_what_was_sent_is_forgotten_in_time_but_not_while_the_client_is_away(
    pair, monkeypatch
):
    monkeypatch.setattr(outbox, "SENT_KEPT_S", 0.01)
    box = attached(pair)
    turned = asyncio.Semaphore(0)
    turn = box._sent.turn

    def turn_and_tell():
        turn()
        turned.release()

    box._sent.turn = turn_and_tell
    task = spawn(box.run(), name="outbox")
    await idle(box)
    box.put(frame(1))
    for _ in range(3):
        await turned.acquire()
    assert not box._sent.after("")
    box.put(frame(2))
    box.detach()
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.05, over.set_result, None)
    await over
    assert [each.body["number"] for each in box._sent.after("")] == [2]
    await stop(task)


async def test_a_frame_whose_write_was_given_up_before_it_came_never_leaves(running):
    box, pair, _ = running
    await idle(box)
    lost = asyncio.get_running_loop().create_future()
    lost.cancel()
    box.put(frame(1), lost)
    box.put(frame(2))
    assert await numbers(pair, 1) == [2]


async def test_nothing_overtakes_what_waits(running):
    box, pair, _ = running
    await idle(box)
    kept = asyncio.get_running_loop().create_future()
    box.put(frame(1), kept)
    await asyncio.sleep(0)
    box.put(frame(2))
    kept.set_result(None)
    await asyncio.sleep(0)
    box.put(frame(3))
    assert await numbers(pair, 3) == [1, 2, 3]


async def test_a_client_that_takes_nothing_is_cut_off_though_nothing_comes_after(
    running, monkeypatch
):
    monkeypatch.setattr(outbox, "SEND_DEADLINE_S", 0.05)
    box, pair, _ = running
    await idle(box)
    pair.client._response.connection.transport.pause_reading()
    while box._is_idle:
        box.put(frame(1, bytes(2_000_000)))
    await pair.cut.wait()
