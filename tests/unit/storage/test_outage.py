import asyncio

import pytest
import structlog

from voicehub.errors import StorageError
from voicehub.storage import outage as module
from voicehub.storage.outage import Outage
from voicehub.telemetry.telemetry import Telemetry


class Store:
    """Answers a probe as the test says, and tells of each."""

    def __init__(self):
        self.answers = False
        self.probed = asyncio.Semaphore(0)

    async def probe(self):
        self.probed.release()
        if not self.answers:
            raise StorageError("No answer.")


@pytest.fixture
def store():
    return Store()


@pytest.fixture
async def outage(store, monkeypatch):
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.001)
    outage = Outage("store", store.probe)
    yield outage
    await outage.aclose()


async def test_a_store_that_failed_is_away_until_it_answers(outage, store, capsys):
    outage.begin("it hung up")
    assert outage.away
    for _ in range(3):
        await store.probed.acquire()
        outage.begin("again")
    assert (outage.away, outage.ended) == (True, 0)
    store.answers = True
    await outage.over()
    assert (outage.away, outage.ended) == (False, 1)
    told = capsys.readouterr().out
    assert (told.count("store is away"), told.count("store is back")) == (1, 1)
    assert "it hung up" in told


async def test_a_suspicion_that_is_wrong_is_not_told(outage, store, capsys):
    store.answers = True
    outage.suspect()
    assert not outage.away
    await store.probed.acquire()
    await asyncio.sleep(0)
    assert (outage.away, outage.ended, capsys.readouterr().out) == (False, 0, "")


async def test_a_suspicion_that_is_right_begins_an_outage(store, monkeypatch):
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.001)
    dropped = []
    outage = Outage("store", store.probe, on_away=lambda: dropped.append(1))
    outage.suspect()
    outage.suspect()
    await store.probed.acquire()
    await store.probed.acquire()
    assert outage.away
    assert dropped == [1]
    await outage.aclose()


async def test_a_probe_that_fails_while_others_are_answered_met_a_busy_store(store, monkeypatch):
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.001)

    async def busy():
        outage.answered()
        await store.probe()

    outage = Outage("store", busy)
    outage.suspect()
    for _ in range(3):
        await store.probed.acquire()
    assert not outage.away
    await outage.aclose()


async def test_closing_ends_the_probing(outage, store):
    outage.begin("gone")
    await store.probed.acquire()
    await outage.aclose()
    await outage.aclose()


async def test_an_outage_is_counted_and_told_as_nobodys(store, monkeypatch, capsys):
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.001)
    telemetry = Telemetry()
    outage = Outage("store", store.probe, telemetry=telemetry)
    with structlog.contextvars.bound_contextvars(session_id=77):
        outage.begin("it hung up")
        outage.begin("again")
    store.answers = True
    await outage.over()
    assert telemetry.store_outages.value("store") == 1
    told = capsys.readouterr().out
    assert "store is back" in told
    assert "session_id" not in told
