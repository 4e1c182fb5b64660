import asyncio

import pytest

from voicehub.engines.scripted import ScriptedEngine
from voicehub.live import lanes
from voicehub.live.lanes import EngineLane
from voicehub.realtime.frame import Frame
from voicehub.tasks import spawn, stop


def frame(number, size=0):
    kind = "input_audio_buffer.append"
    return Frame(kind, {"type": kind, "number": number}, audio=bytes(size))


class Gate:
    """A script that waits, by an engine whose queue is full."""

    def __init__(self):
        self.taken = []
        self.engine = ScriptedEngine(self._take)

    def _take(self, taken):
        self.taken.append(taken.body["number"])
        yield Frame("x", {"type": "x"})


@pytest.fixture
async def gate():
    gate = Gate()
    yield gate
    await gate.engine.aclose()


async def test_frames_reach_the_engine_in_order(gate):
    lane = EngineLane(gate.engine)
    for number in range(10):
        lane.put(frame(number))
    task = spawn(lane.run(), name="lane")
    answers = gate.engine.frames()
    for _ in range(10):
        await anext(answers)
    assert gate.taken == list(range(10))
    await stop(task)


@pytest.mark.parametrize(("limit", "value"), [("FRAMES", 4), ("BYTES", 4_000)])
async def test_a_fast_client_waits_until_the_engine_has_caught_up(gate, monkeypatch, limit, value):
    monkeypatch.setattr(lanes, f"WAITING_{limit}_MAX", value)
    lane = EngineLane(gate.engine)
    for number in range(6):
        lane.put(frame(number, 1_000))
    waiting = spawn(lane.room(), name="client")
    await asyncio.sleep(0)
    assert not waiting.done()
    task = spawn(lane.run(), name="lane")
    await waiting
    await lane.room()
    assert len(gate.taken) >= 2
    await stop(task)


class Prompt:
    """An engine that takes what comes at once, while it is `ready`."""

    def __init__(self):
        self.ready = True
        self.taken = []
        self.waited = []

    def send_now(self, frame):
        if self.ready:
            self.taken.append(frame.body["number"])
        return self.ready

    async def send(self, frame):
        self.taken.append(frame.body["number"])
        self.waited.append(frame.body["number"])


async def idle(lane):
    """Until what is put may go at once."""
    for _ in range(8):
        await asyncio.sleep(0)
    assert lane._is_idle


async def test_a_frame_goes_at_once_where_nothing_is_before_it_and_else_waits_its_turn():
    engine = Prompt()
    lane = EngineLane(engine)
    lane.put(frame(0))  # nobody sends yet
    task = spawn(lane.run(), name="lane")
    await idle(lane)
    lane.put(frame(1))
    engine.ready = False
    lane.put(frame(2))
    engine.ready = True
    lane.put(frame(3))
    await idle(lane)
    lane.put(frame(4))
    assert engine.taken == [0, 1, 2, 3, 4]
    assert engine.waited == [0, 2, 3]
    await stop(task)
