"""A server under a supervisor: it gets its sockets and its orders, and tells how it fares.

The line between them is a pair of sockets. A supervisor that dies closes its end, whatever killed
it; its servers then drain.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from voicehub.errors import VoiceHubError
from voicehub.serving.leaving import Leaving, on_signals
from voicehub.tasks import spawn, stop

# From the supervisor.
DRAIN = b"drain\n"
HURRY = b"hurry\n"
# From the server; FAILED is followed by the reason.
READY = b"ready\n"
FAILED = b"failed "
REASON_BYTES_MAX = 2000
TELL_DEADLINE_S = 1.0

# What serves on the sockets; it gives the number of sessions that it left behind.
Serve = Callable[[Sequence[socket.socket], Callable[[], None], Leaving], Awaitable[int]]


async def serve_supervised(
    serve: Serve, line: socket.socket, sockets: Sequence[socket.socket]
) -> int:
    """Serve until the supervisor says otherwise. Returns what `serve` does, or 1 if it fails."""
    leaving = Leaving()
    reader, writer = await asyncio.open_connection(sock=line)
    obeying = spawn(_obey(reader, leaving), name="orders")
    try:
        # Launchers send a signal to all that they see: only the supervisor knows a second one.
        with on_signals(leaving.drain):
            return await serve(sockets, lambda: writer.write(READY), leaving)
    except VoiceHubError as error:
        await _tell_failure(writer, error)
        return 1
    finally:
        await stop(obeying)
        writer.close()


async def _obey(reader: asyncio.StreamReader, leaving: Leaving) -> None:
    try:
        while order := await reader.readline():
            leaving.hurry() if order == HURRY else leaving.drain()
    except ConnectionError:
        pass
    leaving.drain()


async def _tell_failure(writer: asyncio.StreamWriter, error: VoiceHubError) -> None:
    reason = " ".join(error.message.split()).encode()[:REASON_BYTES_MAX]
    writer.write(FAILED + reason + b"\n")
    try:
        async with asyncio.timeout(TELL_DEADLINE_S):
            await writer.drain()
    except (ConnectionError, TimeoutError):
        return
