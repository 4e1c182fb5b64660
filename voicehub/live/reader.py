"""Reads a client's socket, no faster than what it feeds can take."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from aiohttp import WSMsgType

from voicehub.errors import ClientError
from voicehub.live.connection import Connection
from voicehub.live.lanes import EngineLane
from voicehub.realtime.parse import event_id_of, parse_client, parse_client_audio
from voicehub.session import events
from voicehub.session.events import Event
from voicehub.sinks.recorder import Recorder
from voicehub.telemetry.telemetry import Telemetry

# PCM of 24 kHz, 16 bit, in base64.
BASE64_BYTES_PER_S = 64_000


class Reader:
    """One per socket."""

    def __init__(
        self,
        connection: Connection,
        apply: Callable[[Event], None],
        lane: EngineLane,
        recorder: Recorder,
        telemetry: Telemetry,
    ) -> None:
        self._connection = connection
        self._apply = apply
        self._lane = lane
        self._recorder = recorder
        self._frames = telemetry.frames.cell("from_client")
        self._bytes = telemetry.frame_bytes.cell("from_client")
        self._times = telemetry.hops.cell("socket_to_core")

    async def read(self, over: asyncio.Event) -> bool:
        """Returns whether the client closed the socket, once it is closed or broken, or `over`.

        What the client sends after that stays in the socket: it may ask to go on after a pause.
        """
        while not over.is_set():
            message = await self._connection.socket.receive()
            if message.type is WSMsgType.TEXT or (
                message.type is WSMsgType.BINARY and self._connection.is_extended
            ):
                began_s = perf_counter()
                self._frames.value += 1
                self._bytes.value += len(message.data)
                self._apply(self._event(message.data, message.type))
                self._times.observe(perf_counter() - began_s)
                # An await that need not wait costs too, with each frame of each session.
                if self._lane.is_full:
                    await self._lane.room()
                if self._recorder.is_behind:
                    await self._recorder_room(len(message.data))
            elif message.type is WSMsgType.BINARY:
                error = ClientError("Binary messages need the subprotocol voicehub.v1.")
                self._apply(events.ClientErred(error))
            else:
                # Whatever code a client closes with, it closed; without a close frame it was lost.
                return message.type is WSMsgType.CLOSE
        return False

    def _event(self, raw: bytes, kind: WSMsgType) -> Event:
        try:
            if kind is WSMsgType.BINARY:
                return events.ClientSent(parse_client_audio(raw))
            return events.ClientSent(parse_client(raw, extended=self._connection.is_extended))
        except ClientError as error:
            named = event_id_of(raw) if kind is WSMsgType.TEXT else None
            return events.ClientErred(error, named)

    async def _recorder_room(self, size: int) -> None:
        """Let the recording catch up with a client that pushes audio faster than real time.

        A message of `size` bytes waits at most half as long as its audio lasts: a disk that hangs
        does not slow down a client that speaks in real time.
        """
        try:
            async with asyncio.timeout(min(1.0, size / (2 * BASE64_BYTES_PER_S))):
                await self._recorder.drained()
        except TimeoutError:
            return
