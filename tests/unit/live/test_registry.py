import asyncio

import pytest

from voicehub.errors import DrainError
from voicehub.live.registry import WRITING_S, Registry
from voicehub.session.state import EndedReason
from voicehub.tasks import spawn


class Asked:
    """Stands where a driver is asked to end; a real one needs a whole server (integration/live)."""

    def __init__(self):
        self.ends = []

    def end(self, reason, error, *, at_turn_end=False, within_ms=0.0):
        self.ends.append((reason, error.close_code, at_turn_end))
        self.within_ms = within_ms


async def test_nobody_is_admitted_once_it_drains():
    registry = Registry()
    await registry.drain(10)
    assert registry.draining
    with pytest.raises(DrainError) as refusal, registry.admitted():
        pass
    assert refusal.value.retry_after_s == 1


async def test_a_drain_waits_for_the_last_write_of_every_session():
    registry, driver = Registry(), Asked()
    with registry.admitted():
        with registry.driving(driver):
            assert registry.sessions == 1
            draining = spawn(registry.drain(10), name="drain")
            while not driver.ends:
                await _turn()
        assert registry.sessions == 0
        assert not draining.done()
    await draining
    assert driver.ends == [(EndedReason.DRAIN, 1012, True)]


async def test_at_the_deadline_turns_are_not_waited_for():
    registry, driver = Registry(), Asked()
    with registry.admitted(), registry.driving(driver):
        draining = spawn(registry.drain(0), name="drain")
        while len(driver.ends) < 2:
            await _turn()
    await draining
    assert [at_turn_end for _, _, at_turn_end in driver.ends] == [True, False]


async def test_who_hurries_waits_for_no_turn():
    registry, driver = Registry(), Asked()
    with registry.admitted(), registry.driving(driver):
        draining = spawn(registry.drain(3600), name="drain")
        while not driver.ends:
            await _turn()
        assert driver.within_ms == pytest.approx((3600 - WRITING_S) * 1000, abs=1000)
        registry.hurry()
        assert driver.ends[1:] == [(EndedReason.DRAIN, 1012, False)]
        assert not draining.done(), "the last writes are waited for"
    assert await draining == 0


async def test_who_hurries_before_the_drain_waits_for_no_turn():
    registry, driver = Registry(), Asked()
    registry.hurry()
    with registry.admitted(), registry.driving(driver):
        draining = spawn(registry.drain(3600), name="drain")
        while len(driver.ends) < 2:
            await _turn()
    await draining
    assert not driver.ends[-1][2]


async def test_sessions_whose_last_writes_take_too_long_are_left_behind(monkeypatch):
    monkeypatch.setattr("voicehub.live.registry.LAST_WRITES_S", 0.01)
    registry = Registry()
    with registry.admitted(), registry.driving(Asked()):
        assert await registry.drain(0) == 1


async def test_a_session_that_begins_meanwhile_is_asked_at_once():
    registry, driver = Registry(), Asked()
    with registry.admitted():
        draining = spawn(registry.drain(10), name="drain")
        while not registry.draining:
            await _turn()
        with registry.driving(driver):
            assert driver.ends == [(EndedReason.DRAIN, 1012, True)]
    await draining


async def _turn():
    """Let the other tasks run."""
    await asyncio.sleep(0)
