"""Headers of binary frames: whatever is packed comes back, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicehub.audio.formats import AudioFormat
from voicehub.realtime.binary import HEADER_BYTES, VERSION, AudioHeader, unpack
from voicehub.realtime.frame import Frame
from voicehub.session.numbering import ITEMS_MAX, Numbering

KIND = "response.output_audio.delta"
HEADERS = st.builds(
    AudioHeader,
    output_index=st.integers(0, 2**16 - 1),
    item_number=st.integers(0, 2**32 - 1),
    start_ms=st.integers(0, 2**32 - 1),
    first=st.booleans(),
)


@given(HEADERS, st.binary(max_size=200))
def test_what_is_packed_comes_back(header, audio):
    packed = header.pack()
    assert len(packed) == HEADER_BYTES
    assert unpack(packed + audio) == (header, audio)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_refused(message):
    if len(message) < HEADER_BYTES or message[0] != VERSION:
        with pytest.raises(ValueError, match="binary frame"):
            unpack(message)
    else:
        assert unpack(message)[1] == message[HEADER_BYTES:]


@given(
    st.sampled_from(AudioFormat),
    st.lists(st.tuples(st.integers(0, ITEMS_MAX - 1), st.integers(0, 2_000)), max_size=60),
)
def test_every_header_can_be_packed_and_says_what_was_sent_before(audio_format, sent):
    numbering, before = Numbering(), {}
    for item, size_bytes in sent:
        number = numbering.announce(f"item_{item}")
        body = {"type": KIND, "item_id": f"item_{item}", "output_index": 0}
        header = numbering.header(Frame(KIND, body, audio=bytes(size_bytes)), audio_format)
        earlier = before.get(item, 0)
        header, _ = unpack(header)
        assert header.item_number == number
        assert header.start_ms == int(audio_format.duration_ms(earlier))
        assert header.first == (earlier == 0)
        before[item] = earlier + size_bytes
