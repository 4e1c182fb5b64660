import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from voicehub.storage import spaces_wire
from voicehub.storage.spaces_wire import ANSWER_BYTES_MAX, UnreadableAnswerError, Wire, read_answer
from voicehub.tasks import spawn

OK = b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LENGTH = {"host": "store.test"}


class Store:
    """Answers each request by the next of `answers`, the last one for ever; an empty answer hangs
    up, None never answers.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[int, bytes]] = []
        self.connections = 0
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        wire = Wire("127.0.0.1", server.sockets[0].getsockname()[1], None)
        async with server:
            yield wire
            await wire.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append((number, head + await reader.readexactly(size)))
                self.asked.set()
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    continue
                writer.write(answer)
                if not answer or b"close" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


async def test_a_request_is_sent_as_it_is_and_the_connection_is_kept() -> None:
    store = Store(OK)
    async with store.wire() as wire:
        answers = [await wire.put("/a%20b", LENGTH, body) for body in (b"one", b"")]
    assert [(each.status, each.body) for each in answers] == [(200, b""), (200, b"")]
    head = b"PUT /a%20b HTTP/1.1\r\nhost: store.test\r\ncontent-length: "
    assert store.requests == [(1, head + b"3\r\n\r\none"), (1, head + b"0\r\n\r\n")]


async def test_requests_at_once_have_connections_of_their_own() -> None:
    store = Store(OK)
    async with store.wire() as wire:
        await asyncio.gather(*(wire.put("/", LENGTH, b"x") for _ in range(3)))
        await wire.put("/", LENGTH, b"x")
    assert store.connections == 3


async def test_a_connection_that_the_store_closed_while_it_rested_is_not_noticed() -> None:
    store = Store(OK, b"", OK)
    async with store.wire() as wire:
        for _ in range(2):
            assert (await wire.put("/", LENGTH, b"x")).status == 200
    assert [number for number, _ in store.requests] == [1, 1, 2]


async def test_a_connection_that_rested_too_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spaces_wire, "REST_S_MAX", 0.0)
    store = Store(OK)
    async with store.wire() as wire:
        for _ in range(2):
            await wire.put("/", LENGTH, b"x")
    assert store.connections == 2


async def test_a_store_that_says_close_gets_a_new_connection() -> None:
    store = Store(LAST)
    async with store.wire() as wire:
        for _ in range(2):
            assert (await wire.put("/", LENGTH, b"x")).status == 200
    assert store.connections == 2


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\nclose", b"HTTP/1.1 200 OK\r\nclose"])
async def test_a_fresh_connection_that_fails_is_the_callers_business(answer: bytes) -> None:
    store = Store(answer)
    async with store.wire() as wire:
        with pytest.raises(OSError, match="store"):
            await wire.put("/", LENGTH, b"x")
    assert len(store.requests) == 1


async def test_a_cancelled_request_takes_its_connection_along() -> None:
    store = Store(None, OK)
    async with store.wire() as wire:
        request = spawn(wire.put("/", LENGTH, b"x"), name="a request")
        await store.asked.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert (await wire.put("/", LENGTH, b"x")).status == 200
    assert [number for number, _ in store.requests] == [1, 2]


async def test_what_nobody_asked_for_is_taken_for_no_answer() -> None:
    store = Store(OK + OK.replace(b"200", b"500"), OK)
    async with store.wire() as wire:
        statuses = [(await wire.put("/", LENGTH, b"x")).status for _ in range(2)]
    assert statuses == [200, 200]
    assert store.connections == 2


@pytest.mark.parametrize(
    ("received", "status", "body", "keeps"),
    [
        (OK, 200, b"", True),
        (LAST, 200, b"", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"", True),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length:3\r\n\r\nabc", 403, b"abc", True),
        (
            b"HTTP/1.1 503 S\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            503,
            b"3\r\nabc\r\n0\r\n\r\n",
            True,
        ),
        (
            b"HTTP/1.1 500 E\r\n\r\n" + bytes(2 * ANSWER_BYTES_MAX),
            500,
            bytes(ANSWER_BYTES_MAX),
            False,
        ),
    ],
)
def test_an_answer_is_read_once_it_is_whole(
    received: bytes,
    status: int,
    body: bytes,
    keeps: bool,  # noqa: FBT001 - a column
) -> None:
    answer = read_answer(received, is_all=False)
    assert answer is not None
    assert (answer.status, answer.body, answer.keeps_connection) == (status, body, keeps)
    if len(received) < ANSWER_BYTES_MAX:
        assert read_answer(received[:-1], is_all=False) is None


def test_an_answer_may_end_with_its_connection() -> None:
    received = b"HTTP/1.0 403 Forbidden\r\n\r\n<Code>AccessDenied</Code>"
    assert read_answer(received, is_all=False) is None
    answer = read_answer(received, is_all=True)
    assert answer is not None
    assert (answer.status, answer.keeps_connection) == (403, False)
    assert b"AccessDenied" in answer.body


@pytest.mark.parametrize(
    ("received", "is_all"),
    [
        (b"220 mail ready\r\n\r\n", False),
        (b"HTTP/1.1 OK\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", True),
        (b"x" * (ANSWER_BYTES_MAX + 1), False),
    ],
)
def test_what_is_no_answer_is_refused(received: bytes, is_all: bool) -> None:  # noqa: FBT001 - a column
    with pytest.raises(UnreadableAnswerError):
        read_answer(received, is_all=is_all)
