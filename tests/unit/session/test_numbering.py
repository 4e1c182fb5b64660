import pytest

from voicehub.audio.formats import AudioFormat
from voicehub.realtime.binary import AudioHeader, unpack
from voicehub.realtime.frame import Frame
from voicehub.session.numbering import ITEMS_MAX, Numbering


def delta(item_id, size_bytes=4_800, **fields):
    body = {"type": "response.output_audio.delta", "item_id": item_id, **fields}
    return Frame(body["type"], body, audio=bytes(size_bytes))


def header(numbering, frame, audio_format=AudioFormat.PCM):
    return unpack(numbering.header(frame, audio_format))[0]


def test_items_are_numbered_as_they_are_announced():
    numbering = Numbering()
    assert [numbering.announce(name) for name in ("a", "b", "a", "c")] == [1, 2, 1, 3]


def test_audio_says_its_item_and_where_in_it_it_begins():
    numbering = Numbering()
    numbering.announce("a")
    headers = [header(numbering, delta("a", output_index=3)) for _ in range(2)]
    assert headers == [AudioHeader(3, 1, 0, first=True), AudioHeader(3, 1, 100)]
    assert header(numbering, delta("a", 80), AudioFormat.PCMU).start_ms == 1_200


def test_an_item_that_was_not_announced_or_is_forgotten_has_no_header():
    numbering = Numbering()
    assert numbering.header(delta("a"), AudioFormat.PCM) is None
    for number in range(ITEMS_MAX + 1):
        numbering.announce(f"item_{number}")
    assert numbering.header(delta("item_0"), AudioFormat.PCM) is None
    assert header(numbering, delta("item_1")).item_number == 2


@pytest.mark.parametrize("index", [None, -1, 2**16, "0", 1.5, True])
def test_an_output_index_that_is_none_still_makes_a_header(index):
    numbering = Numbering()
    numbering.announce("a")
    assert header(numbering, delta("a", output_index=index)).output_index in {0, 1}
