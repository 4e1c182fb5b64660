import pytest

from voicehub.realtime.binary import HEADER_BYTES, AudioHeader, unpack


def test_the_header_is_sixteen_bytes_big_endian():
    header = AudioHeader(output_index=2, item_number=7, start_ms=1_500, first=True)
    assert header.pack() == bytes.fromhex("0101 0002 00000007 000005dc 00000000")
    assert HEADER_BYTES == 16


def test_what_is_packed_comes_back():
    header = AudioHeader(output_index=0, item_number=4_000_000_000, start_ms=86_400_000)
    assert unpack(header.pack() + b"audio") == (header, b"audio")


@pytest.mark.parametrize("message", [b"", b"\x01" * 15, b"\x02" + b"\0" * 20])
def test_what_is_no_audio_frame_is_refused(message):
    with pytest.raises(ValueError, match="binary frame"):
        unpack(message)
