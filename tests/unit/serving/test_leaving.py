import asyncio
import os
import signal

import pytest

from voicehub.serving.leaving import AGAIN_S, SIGNALS, Leaving, ignore_signals, on_signals


def told_at(*moments_s):
    moments = iter(moments_s)
    leaving = Leaving(lambda: next(moments))
    for _ in moments_s:
        leaving.told()
    return leaving.asked.is_set(), leaving.hurried.is_set()


def test_the_first_signal_drains_and_a_second_hurries():
    assert told_at(100.0) == (True, False)
    assert told_at(100.0, 100.0 + AGAIN_S) == (True, True)


def test_a_signal_that_two_have_sent_is_one():
    assert told_at(100.0, 100.0 + AGAIN_S / 2) == (True, False)


def test_a_signal_after_an_order_to_drain_hurries():
    leaving = Leaving()
    leaving.drain()
    leaving.told()
    assert leaving.hurried.is_set()


@pytest.mark.parametrize("number", SIGNALS)
async def test_signals_are_heard_only_inside_of_the_block(number):
    heard = asyncio.Event()
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with on_signals(heard.set):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(5):
                await heard.wait()
        assert signal.getsignal(number) is signal.SIG_IGN
        assert not asyncio.get_running_loop().remove_signal_handler(number)
    finally:
        signal.signal(number, before)


def test_who_is_about_to_exit_hears_no_signal():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        ignore_signals()
        for number in SIGNALS:
            os.kill(os.getpid(), number)
    finally:
        for number in SIGNALS:
            signal.signal(number, before[number])
