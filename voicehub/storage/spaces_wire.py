"""Just enough of HTTP/1.1 (RFC 9112) for a PUT of a small body: connections that are kept, one
request at a time on each. A general client spends half a millisecond on what takes a tenth here.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from voicehub.storage.spaces_client import CONNECT_TIMEOUT_S, CONNECTIONS_MAX

# A refusal names its reason within its first bytes; what is longer is cut, and so the connection.
ANSWER_BYTES_MAX = 64 << 10
# A store closes a connection that rests; one that has rested for this long is not used again.
REST_S_MAX = 10.0
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` may hold the framing of chunks: it is only searched for a reason."""

    status: int
    body: bytes
    keeps_connection: bool


class UnreadableAnswerError(OSError):
    """What came is not HTTP/1.1."""


class Wire:
    """Connections to one server, at most CONNECTIONS_MAX; a request beyond waits for a free one."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._address = (host, port)
        self._tls = tls
        self._resting: list[_Connection] = []  # the one used last comes last, and is used next
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)

    async def close(self) -> None:
        while self._resting:
            await self._resting.pop().close()

    async def put(self, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send once, and once more for each connection that rested and turns out to be closed; a
        PUT may be repeated. Raises OSError, TimeoutError. If cancelled, it may have taken place.
        """
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"PUT {path} HTTP/1.1\r\n{fields}content-length: {len(content)}\r\n\r\n".encode()
        async with self._slots:
            while (connection := self._rested()) is not None:
                try:
                    return await self._ask(connection, head, content)
                except ConnectionResetError:
                    continue
            return await self._ask(await self._connect(), head, content)

    async def _ask(self, connection: "_Connection", head: bytes, content: bytes) -> Answer:
        answer: Answer | None = None
        try:
            answer = await connection.ask(head, content)
            return answer
        finally:
            if answer is not None and answer.keeps_connection:
                self._resting.append(connection)
            else:
                connection.cut()

    def _rested(self) -> "_Connection | None":
        now_s = asyncio.get_running_loop().time()
        while self._resting:
            connection = self._resting.pop()
            if connection.is_open and now_s - connection.used_at_s < REST_S_MAX:
                return connection
            connection.cut()
        return None

    async def _connect(self) -> "_Connection":
        host, port = self._address
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await asyncio.get_running_loop().create_connection(
                _Connection, host, port, ssl=self._tls
            )
        return connection


@dataclass(slots=True, eq=False)
class _Connection(asyncio.Protocol):
    is_open: bool = False
    used_at_s: float = 0.0
    _transport: asyncio.Transport = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _received: bytearray = field(default_factory=bytearray)
    _answer: "asyncio.Future[Answer] | None" = None
    _lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, head: bytes, content: bytes) -> Answer:
        assert self._answer is None, "one request at a time"
        self._received.clear()
        self._answer = self._loop.create_future()
        try:
            self._transport.write(head + content)
            return await self._answer
        finally:
            self._answer = None
            self.used_at_s = self._loop.time()

    def cut(self) -> None:
        self.is_open = False
        self._transport.abort()

    async def close(self) -> None:
        self.cut()
        await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type
        self.is_open = True

    def data_received(self, chunk: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.cut()  # nobody asked: the next answer would be taken for another's
            return
        self._received += chunk
        try:
            answer = read_answer(self._received, is_all=False)
        except UnreadableAnswerError as error:
            self._answer.set_exception(error)
            return
        if answer is not None:
            self._answer.set_result(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_open = False
        self._lost.set()
        if self._answer is None or self._answer.done():
            return
        if not self._received:
            self._answer.set_exception(ConnectionResetError("The store hung up."))
            return
        try:
            answer = read_answer(self._received, is_all=True)
        except UnreadableAnswerError as unreadable:
            self._answer.set_exception(unreadable)
        else:
            assert answer is not None
            self._answer.set_result(answer)


def read_answer(received: bytes | bytearray, *, is_all: bool) -> Answer | None:
    """The answer in `received`, None while something of it is missing; `is_all`: nothing more will
    come. Raises UnreadableAnswerError.
    """
    head, gap, body = bytes(received).partition(_HEAD_END)
    if not gap:
        if is_all or len(received) > ANSWER_BYTES_MAX:
            raise UnreadableAnswerError("The store's answer has no end of its head.")
        return None
    status, headers = _read_head(head)
    if status < HTTPStatus.OK:  # 1xx: the answer proper follows, RFC 9110, section 15.2
        return read_answer(body, is_all=is_all)
    size, has_more = headers.get(b"content-length", b""), False
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        is_whole = body.endswith(_LAST_CHUNK)
    elif size.isdigit():
        is_whole = len(body) >= int(size)
        has_more = len(body) > int(size)  # nobody asked for it
    else:  # as long as the connection lives
        is_whole = is_all
    if is_all and not is_whole and status == HTTPStatus.OK:
        raise UnreadableAnswerError("The store's answer broke off.")
    if not is_whole and not is_all and len(body) < ANSWER_BYTES_MAX:
        return None
    may_keep = headers.get(b"connection", b"").lower() != b"close" and not has_more
    keeps = is_whole and not is_all and may_keep
    return Answer(status, body[:ANSWER_BYTES_MAX], keeps)


def _read_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise UnreadableAnswerError("The store does not speak HTTP/1.1.")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return int(rest[:3]), headers
