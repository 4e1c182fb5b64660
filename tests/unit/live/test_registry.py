import asyncio

import pytest

from voicehub.errors import DrainError
from voicehub.live.registry import Registry
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
