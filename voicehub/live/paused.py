"""The socket of a paused session: it stays, and its client may ask to go on."""

import asyncio

from aiohttp import WSMsgType

from voicehub.errors import ClientError, ConflictError, VoiceHubError
from voicehub.live.connection import Connection
from voicehub.realtime.extension import RESUME
from voicehub.realtime.parse import event_id_of, parse_client
from voicehub.session.state import EndedReason
from voicehub.tasks import spawn, stop


class PausedSocket:
    """Nobody owns the session meanwhile: any process may take it up."""

    def __init__(self, connection: Connection, idle_s: float) -> None:
        """After `idle_s` the socket is closed; the session stays paused."""
        self._connection = connection
        self._idle_s = idle_s
        self._ended = asyncio.get_running_loop().create_future()

    def end(
        self,
        _reason: EndedReason,
        error: VoiceHubError,
        *,
        at_turn_end: bool = False,
        within_ms: float = 0.0,
    ) -> None:
        """Close the socket: there is no turn to wait for."""
        del at_turn_end, within_ms
        if not self._ended.done():
            self._ended.set_result(error)

    async def resume_asked(self) -> bool:
        """Wait for the client. Returns whether it asked to go on; else the socket is closed."""
        reading = spawn(self._read(), name="paused client")
        try:
            await asyncio.wait(
                [reading, self._ended], timeout=self._idle_s, return_when=asyncio.FIRST_COMPLETED
            )
            if reading.done():
                return reading.result()
        finally:
            await stop(reading)
        idle = ClientError("The client sent nothing for too long.", code="session_idle")
        idle.close_code = 1001
        await self._connection.dismiss(self._ended.result() if self._ended.done() else idle)
        return False

    async def _read(self) -> bool:
        while True:
            message = await self._connection.socket.receive()
            if message.type is WSMsgType.TEXT:
                if await self._is_resume(message.data):
                    return True
            elif message.type is not WSMsgType.BINARY:  # audio of a pause is nobody's
                return False

    async def _is_resume(self, raw: bytes) -> bool:
        try:
            frame = parse_client(raw, extended=True)
        except ClientError as error:
            await self._connection.tell(error, event_id_of(raw))
            return False
        if frame.type == RESUME:
            return True
        paused = ConflictError(
            "The session is paused; send voicehub.session.resume.", code="session_paused"
        )
        await self._connection.tell(paused, frame.event_id)
        return False
