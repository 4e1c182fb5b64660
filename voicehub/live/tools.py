"""Runs the server's tools: one signed request a call, and an answer whatever becomes of it.

Arguments and answers are what people said: they are never logged.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

import orjson
import structlog
from aiohttp import ClientError, ClientResponse, ClientSession, hdrs

from voicehub.egress import AddressRefused, open_web
from voicehub.remotes import ToolSettings
from voicehub.session.commands import CallTool
from voicehub.session.events import ToolAnswered
from voicehub.session.tools import failure
from voicehub.signature import key_of, signed_headers
from voicehub.tasks import spawn, stop

# Requests of one session at a time; a further one waits, within its own time-out.
REQUESTS_MAX = 4
# Calls of one session that run or wait; beyond them a call is answered by an error at once.
CALLS_MAX = 32
# What a model may write as arguments; more is answered by an error.
ARGUMENTS_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 16 * 1024

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Whose:
    """Who a tool is told that it works for."""

    session_id: int
    agent_id: int
    team_id: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One configured tool, ready to be asked."""

    settings: ToolSettings
    web: ClientSession
    key: bytes | None = field(repr=False)


class _Failed(Exception):  # noqa: N818  # it never leaves this module
    """A call without an answer; the message is for the model, and holds nothing of the tool's."""


class Toolbox:
    """One per process: the configured tools and their connections."""

    def __init__(self, configured: Mapping[str, ToolSettings]) -> None:
        self._configured = configured
        self._stack = AsyncExitStack()
        self.endpoints: dict[str, Endpoint] = {}

    async def __aenter__(self) -> Self:
        webs: dict[bool, ClientSession] = {}
        for name, each in self._configured.items():
            key = _key(name, each)
            if each.secret_env is not None and key is None:
                continue
            private = each.allow_private
            if private not in webs:
                webs[private] = await self._stack.enter_async_context(open_web(private=private))
            self.endpoints[name] = Endpoint(each, webs[private], key)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()


class ToolRunner:
    """One per session. Each call that was started is answered once, in the order of the answers."""

    def __init__(self, endpoints: Mapping[str, Endpoint], whose: Whose) -> None:
        self._endpoints = endpoints
        self._whose = whose
        self._room = asyncio.Semaphore(REQUESTS_MAX)
        self._running: set[asyncio.Task[None]] = set()
        # Bounded by the calls: each gives one answer.
        self._answers: asyncio.Queue[ToolAnswered] = asyncio.Queue()

    def start(self, asked: CallTool) -> None:
        """Run the tool; `answered` gives what it says."""
        if len(self._running) >= CALLS_MAX:
            busy = failure("Too many tools are running.")
            self._answers.put_nowait(ToolAnswered(asked.call_id, busy))
            return
        task = spawn(self._run(asked), name=f"tool {asked.name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def answered(self) -> ToolAnswered:
        """The next answer. Cancelling it loses nothing."""
        return await self._answers.get()

    async def aclose(self) -> None:
        """Break off what still runs."""
        for task in list(self._running):
            await stop(task)

    async def _run(self, asked: CallTool) -> None:
        log = logger.bind(tool=asked.name, session_id=self._whose.session_id)
        began_s = time.monotonic()
        try:
            output = await self._answer(asked)
        except _Failed as failed:
            log.warning("tool failed", reason=str(failed))
            output = failure(str(failed))
        except Exception as error:  # noqa: BLE001  # the model waits for an answer, whatever it is
            # Without its message, which may quote what was said.
            log.error("tool failed", error=type(error).__name__)  # noqa: TRY400  # ditto
            output = failure("The tool failed.")
        else:
            log.info("tool answered", duration_ms=round((time.monotonic() - began_s) * 1000))
        self._answers.put_nowait(ToolAnswered(asked.call_id, output))

    async def _answer(self, asked: CallTool) -> str:
        endpoint = self._endpoints.get(asked.name)
        if endpoint is None:
            raise _Failed("There is no such tool.")
        body = self._body(asked)
        try:
            # The wait for a place counts too: somebody listens to the silence.
            async with asyncio.timeout(endpoint.settings.timeout_s), self._room:
                return await self._post(endpoint, body)
        except TimeoutError:
            raise _Failed("The tool did not answer in time.") from None
        except AddressRefused:
            raise _Failed("The tool's address is not allowed.") from None
        except (ClientError, OSError) as error:
            if isinstance(error.__cause__ or error.__context__, AddressRefused):
                raise _Failed("The tool's address is not allowed.") from None
            raise _Failed("The tool could not be reached.") from None

    def _body(self, asked: CallTool) -> bytes:
        if len(asked.arguments.encode("utf-8", "replace")) > ARGUMENTS_BYTES_MAX:
            raise _Failed("The arguments were too long.")
        try:
            arguments = orjson.loads(asked.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            raise _Failed("The arguments were not a JSON object.")
        return orjson.dumps(
            {
                "call_id": asked.call_id,
                "name": asked.name,
                "arguments": arguments,
                "session_id": self._whose.session_id,
                "agent_id": self._whose.agent_id,
                "team_id": self._whose.team_id,
                "user_id": self._whose.user_id,
            }
        )

    @staticmethod
    async def _post(endpoint: Endpoint, body: bytes) -> str:
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: "application/json",
            # What comes compressed may be a thousand times as long as it looks.
            hdrs.ACCEPT_ENCODING: "identity",
        }
        if endpoint.key is not None:
            message_id = f"msg_{secrets.token_hex(12)}"
            headers |= signed_headers([endpoint.key], message_id, int(time.time()), body)
        async with endpoint.web.post(
            endpoint.settings.url, data=body, headers=headers, allow_redirects=False
        ) as response:
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                raise _Failed(f"The tool answered with HTTP status {response.status}.")
            if response.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
                raise _Failed("The tool's answer came compressed, which was not asked for.")
            return await _text(response, endpoint.settings.response_bytes_max)


async def _text(response: ClientResponse, bytes_max: int) -> str:
    """The body as text, cut at `bytes_max`; the rest is not read."""
    whole = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        whole += chunk
        if len(whole) > bytes_max:
            response.close()
            # A character that the cut went through is dropped.
            kept = whole[:bytes_max].decode("utf-8", "ignore")
            return f"{_clean(kept)}\n[cut: the tool's answer was longer than {bytes_max} bytes]"
    return _clean(whole.decode("utf-8", "replace"))


def _clean(text: str) -> str:
    return text.replace("\0", "")


def _key(name: str, configured: ToolSettings) -> bytes | None:
    secret = configured.secret()
    if secret is None:
        if configured.secret_env is not None:
            logger.warning("a tool has no key", tool=name, variable=configured.secret_env)
        return None
    try:
        return key_of(secret.get_secret_value())
    except ValueError:
        logger.warning("a tool's key cannot be read", tool=name, variable=configured.secret_env)
        return None
