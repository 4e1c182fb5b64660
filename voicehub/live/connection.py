"""One socket of a session's client: the session may outlive it, and have another after it."""

import asyncio
from collections.abc import Callable

from aiohttp import WSCloseCode, web

from voicehub.errors import VoiceHubError
from voicehub.realtime.extension import SUBPROTOCOL
from voicehub.realtime.frame import server_frame, to_json

CLOSE_REASON_BYTES_MAX = 123
# How long a client that is sent away has to hear why and to answer the close; then it is cut off.
DISMISSAL_S = 10.0


class Connection:
    """Served by one driver at a time. `over` is set when nobody serves it any longer."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        abort: Callable[[], None],
        new_id: Callable[[str], str],
    ) -> None:
        """`abort` cuts the connection, whatever still waits for the client."""
        self.socket = socket
        self.abort = abort
        self.over = asyncio.Event()
        self._new_id = new_id

    @property
    def is_extended(self) -> bool:
        """Whether its client asked for voicehub.v1."""
        return self.socket.ws_protocol == SUBPROTOCOL

    async def tell(self, error: VoiceHubError, event_id: str | None = None) -> None:
        """Send an `error` event; a socket that broke is left to its reader."""
        frame = server_frame(self._new_id("event"), "error", error=error.as_openai(event_id))
        try:
            await self.socket.send_frame(to_json(frame), web.WSMsgType.TEXT)
        except (ConnectionError, RuntimeError):
            return

    async def dismiss(self, error: VoiceHubError) -> None:
        """Tell the client why, and close."""
        try:
            async with asyncio.timeout(DISMISSAL_S):
                await self.tell(error)
                reason = error.code.encode()[:CLOSE_REASON_BYTES_MAX]
                code = error.close_code or WSCloseCode.POLICY_VIOLATION
                await self.socket.close(code=code, message=reason)
        except TimeoutError:
            self.abort()
        finally:
            self.over.set()
