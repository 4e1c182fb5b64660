"""Replies from an OpenAI-compatible chat endpoint, passed on while it still writes them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

import aiohttp
import orjson
from yarl import URL

from voicehub.engines.local.chat_events import ChatEvents, EventLines
from voicehub.engines.local.chat_request import chat_body
from voicehub.engines.local.reply import Prompt, ReplyPart
from voicehub.errors import EngineError

CONNECT_S = 5.0
# A caller waits in silence meanwhile; slower answers are of no use in a conversation.
FIRST_PART_S = 20.0
BETWEEN_PARTS_S = 15.0
REPLY_S = 120.0
# The whole answer on the wire; beyond it the endpoint is taken for broken.
REPLY_BYTES_MAX = 8 << 20
# Open connections of the process; at the limit a reply waits for one, within FIRST_PART_S.
CONNECTIONS_MAX = 256


class ChatResponder:
    """Shared by all sessions. Without a `session` of its maker it makes one, which `close` ends."""

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
        first_part_s: float = FIRST_PART_S,
        between_parts_s: float = BETWEEN_PARTS_S,
    ) -> None:
        self._url = URL(url.rstrip("/") + "/chat/completions")
        self._model = model
        self._key = key
        self._session = session
        self._owns_session = session is None
        self._first_part_s = first_part_s
        self._between_parts_s = between_parts_s
        # For messages: without credentials and query, which may be secret.
        self._endpoint = str(self._url.origin()) if self._url.absolute else "(no address)"

    def __repr__(self) -> str:
        return f"ChatResponder({self._endpoint!r}, {self._model!r})"

    async def close(self) -> None:
        """Close the connections it made itself; safe to repeat."""
        if self._session is not None and self._owns_session:
            await self._session.close()
            self._session = None

    async def reply(self, prompt: Prompt) -> AsyncIterator[ReplyPart]:
        """The endpoint's reply. Closing the iterator closes the connection. Raises EngineError."""
        events = ChatEvents()
        response = await self._post(prompt)
        try:
            async with aclosing(self._payloads(response)) as payloads:
                async for payload in payloads:
                    for part in events.take(payload):
                        yield part
            for part in events.end():
                yield part
        finally:
            # Ends the transfer; does nothing to a connection that has given its whole answer.
            response.close()

    async def _post(self, prompt: Prompt) -> aiohttp.ClientResponse:
        """The endpoint's answer, from which its reply can be read."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        with self._failures_named():
            async with asyncio.timeout(self._first_part_s):
                response = await self._session.post(
                    self._url,
                    data=orjson.dumps(chat_body(prompt, self._model)),
                    headers=headers,
                    # A redirect would carry the key elsewhere.
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                )
        if response.status != 200:
            response.close()
            raise EngineError(
                f"The chat endpoint {self._endpoint} answered with status {response.status}."
            )
        return response

    async def _payloads(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        """The events of the answer; one that is no event stream is a single one."""
        lines = EventLines() if response.content_type == "text/event-stream" else None
        whole: list[bytes] = []
        received_bytes = 0
        clock = asyncio.get_running_loop().time
        end = clock() + REPLY_S
        # Reading goes on until the time is over that the next event may take, whatever else comes.
        deadline = clock() + self._first_part_s
        while received := await self._read(response, min(deadline, end)):
            received_bytes += len(received)
            if received_bytes > REPLY_BYTES_MAX:
                raise EngineError(f"The chat endpoint {self._endpoint} does not stop writing.")
            if lines is None:
                whole.append(received)
                continue
            for payload in lines.push(received):
                yield payload
                deadline = clock() + self._between_parts_s
        for payload in lines.flush() if lines else (b"".join(whole),):
            yield payload

    async def _read(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """What has arrived; empty at the end."""
        with self._failures_named():
            async with asyncio.timeout_at(deadline):
                return await response.content.readany()

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        """Network trouble as an EngineError that names the endpoint and tells nothing secret."""
        try:
            yield
        except TimeoutError as late:
            raise EngineError(
                f"The chat endpoint {self._endpoint} did not answer in time."
            ) from late
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            # Its own text may hold the address with its query, so only its kind is told.
            raise EngineError(
                f"The chat endpoint {self._endpoint} failed: {type(failure).__name__}."
            ) from failure
