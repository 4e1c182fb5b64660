"""Frames that no proper client sends: the sockets of sessions do as RFC 6455 says, and as bare
aiohttp does.
"""

import pytest

from tests.conformance.echo import bare, echoing, ours
from tests.conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Outcome,
    close,
    exchange,
    frame,
)

SNOW = "snow ☃ and 𝄞".encode()
SLOW = frame(TEXT, b"slow")
END = close(1000)

# What is proper: sent, answered, and the close code: aiohttp answers every proper close with 1000.
PROPER = {
    "a text": ([frame(TEXT, SNOW), END], [(TEXT, SNOW)], 1000),
    "an empty text": ([frame(TEXT), END], [(TEXT, b"")], 1000),
    "a binary message": ([frame(BINARY, b"\xff\0"), END], [(BINARY, b"\xff\0")], 1000),
    "a 16-bit length": ([frame(TEXT, b"x" * 126), END], [(TEXT, b"x" * 126)], 1000),
    "a 64-bit length": ([frame(BINARY, b"x" * 70_000), END], [(BINARY, b"x" * 70_000)], 1000),
    "a message in fragments": (
        [
            frame(TEXT, b"a", final=False),
            frame(CONTINUATION, b"b", final=False),
            frame(CONTINUATION, b"c"),
            END,
        ],
        [(TEXT, b"abc")],
        1000,
    ),
    "a character over two fragments": (
        [frame(TEXT, SNOW[:6], final=False), frame(CONTINUATION, SNOW[6:]), END],
        [(TEXT, SNOW)],
        1000,
    ),
    "a frame a byte at a time": (
        [*(SLOW[place : place + 1] for place in range(len(SLOW))), END],
        [(TEXT, b"slow")],
        1000,
    ),
    "two frames in one piece": (
        [frame(TEXT, b"1") + frame(TEXT, b"2") + END],
        [(TEXT, b"1"), (TEXT, b"2")],
        1000,
    ),
    "a ping": ([frame(PING, b"are you there"), END], [(PONG, b"are you there")], 1000),
    "a ping of 125 bytes": ([frame(PING, b"p" * 125), END], [(PONG, b"p" * 125)], 1000),
    "a ping between fragments": (
        [frame(TEXT, b"a", final=False), frame(PING, b"now"), frame(CONTINUATION, b"b"), END],
        [(PONG, b"now"), (TEXT, b"ab")],
        1000,
    ),
    "a pong that nobody asked for": ([frame(PONG, b"?"), END], [], 1000),
    "a close without a code": ([frame(CLOSE)], [], 1000),
    "a close with a reason": ([close(1001, SNOW)], [], 1000),
    "a close with a code of one's own": ([close(4000)], [], 1000),
    "a frame after the close": ([END + frame(TEXT, b"late")], [], 1000),
}

# What is not: sent, and the close code.
IMPROPER = {
    "the first reserved bit": ([frame(TEXT, b"x", reserved=4)], 1002),
    "the second reserved bit": ([frame(TEXT, b"x", reserved=2)], 1002),
    "the third reserved bit": ([frame(PING, b"x", reserved=1)], 1002),
    "an unknown opcode": ([frame(3, b"x")], 1002),
    "an unknown control opcode": ([frame(11, b"x")], 1002),
    "a ping of 126 bytes": ([frame(PING, b"p" * 126)], 1002),
    "a ping in fragments": ([frame(PING, b"p", final=False)], 1002),
    "a continuation of nothing": ([frame(CONTINUATION, b"x")], 1002),
    "a text within a text": ([frame(TEXT, b"a", final=False), frame(TEXT, b"b")], 1002),
    "a text that is not UTF-8": ([frame(TEXT, b"\xce\xba\xff")], 1007),
    "a surrogate in UTF-8": ([frame(TEXT, b"\xed\xa0\x80")], 1007),
    "half a character": ([frame(TEXT, SNOW[:6])], 1007),
    "bad UTF-8 in fragments": (
        [frame(TEXT, b"good", final=False), frame(CONTINUATION, b"\xf4\x90\x80\x80")],
        1007,
    ),
    "a close of one byte": ([frame(CLOSE, b"\3")], 1002),
    "a close with code 999": ([close(999)], 1002),
    "a close with code 1005": ([close(1005)], 1002),
    "a close with a reason that is not UTF-8": ([close(1000, b"\xff")], 1007),
}


@pytest.fixture(scope="module")
async def ports():
    async with echoing(ours) as our_port, echoing(bare) as bare_port:
        yield our_port, bare_port


@pytest.mark.parametrize("name", PROPER)
async def test_it_is_answered(ports, name):
    sent, answers, code = PROPER[name]
    for port in ports:
        assert await exchange(port, sent) == Outcome(answers, code)


@pytest.mark.parametrize("name", IMPROPER)
async def test_it_fails_the_connection(ports, name):
    sent, code = IMPROPER[name]
    for port in ports:
        assert await exchange(port, sent) == Outcome([], code)


async def test_a_frame_without_a_mask_is_read(ports):
    # RFC 6455 has the server refuse it; aiohttp reads it, and nothing is lost by that.
    sent = [frame(TEXT, b"bare", masked=False), END]
    for port in ports:
        assert await exchange(port, sent) == Outcome([(TEXT, b"bare")], 1000)


async def test_a_close_with_code_1006_is_taken_for_a_proper_one(ports):
    # RFC 6455 reserves it; aiohttp lets it pass, and the session ends all the same.
    for port in ports:
        assert await exchange(port, [close(1006)]) == Outcome([], 1000)


async def test_a_length_beyond_the_limit_is_refused_before_the_message_comes(ports):
    sent = [b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask"]
    for port in ports:
        assert await exchange(port, sent) == Outcome([], 1009)
