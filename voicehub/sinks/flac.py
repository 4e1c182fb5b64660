"""Just enough of FLAC (RFC 9639) to close a file whose encoder died: find its last whole frame,
write its length.
"""

from collections.abc import Iterator

FRAME_SAMPLES = 4096  # libsndfile's block size
_LENGTH_OFFSET = 21  # in the file: the last bit but 36 of STREAMINFO's second half, section 8.2
_MD5_OFFSET = 26
_FRAME_BYTES_MIN = 10
# Section 9.1: sync code, fixed block size; then block size and rate, channels and depth, and the
# frame's number.
_SYNC = b"\xff\xf8"


def find_end(tail: bytes) -> tuple[int, int]:
    """The samples up to the last whole frame in `tail`, and that frame's end; (0, 0) when there is
    none.

    Only a frame whose both checksums hold counts: a header-like pattern inside a frame does not
    pass for one.
    """
    headers = list(_headers(tail))
    ends = [start for start, _ in headers] + [len(tail)]
    for index in range(len(headers) - 1, -1, -1):
        start, samples = headers[index]
        for end in reversed(ends[index + 1 :]):
            if end - start >= _FRAME_BYTES_MIN and _is_frame(tail[start:end]):
                return samples, end
    return 0, 0


def length_patches(samples: int) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) that give STREAMINFO the length; its digest becomes zero, which says `not
    known`.
    """
    assert samples < 1 << 36
    depth_bits = 0xF << 36  # the lower four bits of (16 - 1), which share the byte
    yield _LENGTH_OFFSET, (depth_bits | samples).to_bytes(5, "big")
    yield _MD5_OFFSET, bytes(16)


def _headers(tail: bytes) -> Iterator[tuple[int, int]]:
    """Where frame headers start, and the samples up to the end of each frame."""
    start = tail.find(_SYNC)
    while start >= 0:
        if (samples := _samples_after(tail[start : start + 16])) is not None:
            yield start, samples
        start = tail.find(_SYNC, start + 1)


def _samples_after(header: bytes) -> int | None:
    """From a frame's header, the samples up to the frame's end; None when this is no header."""
    if len(header) < 6:
        return None
    number, position = _coded_number(header, 4)
    size_code = header[2] >> 4
    if size_code in {6, 7}:
        width = size_code - 5
        samples = int.from_bytes(header[position : position + width], "big") + 1
        position += width
    else:
        samples = _block_samples(size_code)
    position += {12: 1, 13: 2, 14: 2}.get(header[2] & 0xF, 0)
    if position >= len(header) or not samples or _crc8(header[:position]) != header[position]:
        return None
    return number * FRAME_SAMPLES + samples


def _coded_number(header: bytes, position: int) -> tuple[int, int]:
    """A number coded like UTF-8, up to 36 bits, and the position behind it; nonsense fails by the
    checksum.
    """
    first = header[position]
    if first < 0x80:
        return first, position + 1
    length = 8 - (first ^ 0xFF).bit_length()
    number = first & (0x7F >> length)
    for byte in header[position + 1 : position + length]:
        number = number << 6 | byte & 0x3F
    return number, position + max(1, length)


def _block_samples(code: int) -> int:
    if code == 1:
        return 192
    if 2 <= code <= 5:
        return 576 << (code - 2)
    return 256 << (code - 8) if code >= 8 else 0


def _is_frame(frame: bytes) -> bool:
    return _crc16(frame[:-2]) == int.from_bytes(frame[-2:], "big")


def _crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc16(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc = (crc << 8 ^ _CRC16[crc >> 8 ^ byte]) & 0xFFFF
    return crc


def _crc_table(polynomial: int, width: int) -> tuple[int, ...]:
    top, mask = 1 << (width - 1), (1 << width) - 1
    table = []
    for byte in range(256):
        crc = byte << (width - 8)
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & mask
        table.append(crc)
    return tuple(table)


_CRC8 = _crc_table(0x07, 8)
_CRC16 = _crc_table(0x8005, 16)
