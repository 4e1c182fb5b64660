import numpy as np

from voicehub.client.speaker import ITEMS_MAX, Cut, Speaker


def chunk(value: int, count: int) -> np.ndarray:
    return np.full(count, value, np.int16)


def test_chunks_are_heard_in_order_and_silence_follows():
    speaker = Speaker()
    speaker.add("a", 0, chunk(1, 3))
    speaker.add("b", 0, chunk(2, 3))
    assert speaker.take(4).tolist() == [1, 1, 1, 2]
    assert speaker.take(4).tolist() == [2, 2, 0, 0]
    assert not speaker.playing


def test_what_was_heard_of_an_item_is_counted_in_its_own_audio_only():
    speaker = Speaker()
    speaker.take(2400)
    speaker.add("a", 0, chunk(1, 4800))
    speaker.take(2400)
    assert speaker.heard_ms("a") == 100
    assert speaker.heard_ms("unknown") == 0


def test_a_cut_drops_the_queue_and_what_still_comes_of_the_cut_items():
    speaker = Speaker()
    speaker.add("a", 0, chunk(1, 2400))
    speaker.add("b", 1, chunk(2, 2400))
    speaker.take(1203)
    assert speaker.cut() == Cut("a", 0, 50)
    speaker.add("a", 0, chunk(1, 2400))
    speaker.add("b", 1, chunk(2, 2400))
    assert not speaker.playing
    speaker.add("c", 0, chunk(3, 2400))
    assert speaker.take(1).tolist() == [3]


def test_nothing_is_cut_while_nothing_plays():
    speaker = Speaker()
    assert speaker.cut() is None
    speaker.add("a", 0, chunk(1, 2400))
    speaker.take(2400)
    assert speaker.cut() is None


def test_only_the_latest_items_are_remembered():
    speaker = Speaker()
    for number in range(ITEMS_MAX + 1):
        speaker.add(str(number), 0, chunk(1, 24))
        speaker.take(24)
    assert speaker.heard_ms("0") == 0
    assert speaker.heard_ms("1") == 1
