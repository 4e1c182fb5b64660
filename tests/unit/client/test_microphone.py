import sys

import numpy as np
import pytest

from voicehub.client.microphone import BLOCKS_MAX, BlockQueue, Microphone
from voicehub.errors import ClientError


def test_samples_are_taken_in_other_portions_than_they_came():
    queue = BlockQueue()
    queue.put(np.array([1, 2, 3], np.int16))
    queue.put(np.array([4, 5], np.int16))
    assert queue.take(2).tolist() == [1, 2]
    assert queue.take(2).tolist() == [3, 4]
    assert queue.take(3).tolist() == [5, 0, 0]
    assert queue.take(2).tolist() == [0, 0]


def test_a_queue_that_nobody_empties_keeps_the_newest_blocks():
    queue = BlockQueue()
    for number in range(BLOCKS_MAX + 2):
        queue.put(np.array([number], np.int16))
    assert queue.take(2).tolist() == [2, 3]


def test_without_the_package_the_reason_and_the_way_out_are_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ClientError, match=r"needs the package 'sounddevice'.*Speak with --wav"):
        Microphone()
