"""The line to a session, over as many sockets as it takes: it comes back when one breaks.

A socket that broke, or that the server closed with 1012, is followed by another, at whatever server
answers, for as long as the session's grace time. Every other close ends the session for us.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

import aiohttp
from yarl import URL

from voicehub.audio.formats import Pcm
from voicehub.client.notices import Lost, Notice, Reconnected, Resumed
from voicehub.client.places import Body, Places
from voicehub.client.repeats import Repeats
from voicehub.client.wire import NotOpenedError, Wire
from voicehub.errors import VoiceHubError
from voicehub.realtime.extension import PAUSED, RESUME, RESUMED
from voicehub.tasks import spawn, stop

# How long it tries to come back; then the session is given up. As long as the server waits.
COME_BACK_S_MAX = 30.0
# Before the first try, doubled with each; half of it is by chance, since all clients of a server
# that goes away come at the same time.
BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 3.0
# How long one try may take: the handshake, and the engine that another owner opens.
HANDSHAKE_S_MAX = 10.0
GREETING_S_MAX = 25.0
# A socket that broke sooner does not count as having been back.
STEADY_S = 5.0
# What was said while the line was dead, in appends of 100 ms, 1 s; at the limit the oldest is
# dropped: the agent should answer what is said now, and what comes more than 1.5 s late cannot be
# laid where it was spoken any more.
BACKLOG_CHUNKS_MAX = 10

BROKE, GOING_AWAY, IDLE = 1006, 1012, 1001
# Before it has greeted us, a socket may also close because an engine failed or the session was
# being put away at that moment.
_TRIED_AGAIN = {BROKE, GOING_AWAY, 1011, 1013}

Renew = Callable[[int], Awaitable[dict[str, Any]]]
"""Gives a fresh `client_secret` for a session, as `Api.resume` does."""
Received = tuple[Body, Pcm | None]


class SessionEndedError(VoiceHubError):
    """The session is over for us while something was still awaited."""

    code = "session_ended"


class Link:
    """Made by `connect`. Iterating gives what a `Wire` gives, to the end of the session."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        secret: str,
        *,
        renew: Renew | None = None,
        come_back_s: float = COME_BACK_S_MAX,
        notice: Callable[[Notice], None] = lambda _notice: None,
    ) -> None:
        """`renew` is asked when `secret` has expired; without `come_back_s` the first socket is the
        last. `notice` hears of the connection.
        """
        self.is_away = False
        """Whether there is no connection right now."""
        self.is_paused = False
        self._http, self._url, self._secret = http, url, secret
        self._renew, self._come_back_s, self._notice = renew, come_back_s, notice
        self._places, self._repeats = Places(), Repeats()
        self._backlog: deque[Pcm] = deque(maxlen=BACKLOG_CHUNKS_MAX)
        self._wire: Wire
        self._session_id: int | None = None
        self._leg: int | None = None
        self._ready, self._resume_asked = asyncio.Event(), asyncio.Event()
        self._over = self._leaving = False
        self._lost_at_s = self._back_at_s = 0.0
        self._tries = 0

    @classmethod
    async def connect(
        cls,
        http: aiohttp.ClientSession,
        url: str,
        secret: str,
        *,
        renew: Renew | None = None,
        come_back_s: float = COME_BACK_S_MAX,
        notice: Callable[[Notice], None] = lambda _notice: None,
    ) -> Self:
        """Open the session at `url`. Raises NotOpenedError: the first time nothing is repeated."""
        link = cls(http, url, secret, renew=renew, come_back_s=come_back_s, notice=notice)
        link._wire = await Wire.connect(http, url, secret, places=link._places)
        link._ready.set()
        return link

    @property
    def extended(self) -> bool:
        """Whether the server selected voicehub.v1."""
        return self._wire.extended

    @property
    def close_code(self) -> int:
        """Of the last socket, once it is closed."""
        return self._wire.close_code

    async def send(self, kind: str, /, **fields: object) -> None:
        """Send one client event, once there is a connection. Raises SessionEndedError."""
        while True:
            await self._ready.wait()
            if self._over:
                raise SessionEndedError(f"The session is over: no {kind} can be sent.")
            wire = self._wire
            try:
                return await wire.send(kind, **fields)
            except ConnectionError:
                # Whoever reads will learn of it, and have another socket or end.
                if wire is self._wire and not self._over:
                    self._ready.clear()

    async def tell(self, kind: str, /, **fields: object) -> None:
        """Send one client event now: without a connection it is not sent."""
        try:
            await self._wire.send(kind, **fields)
        except ConnectionError:
            return

    async def append(self, chunk: Pcm) -> None:
        """Send what the caller said; what is said while the line is dead follows, or some of it.

        While the session is paused it is dropped: nobody would hear it.
        """
        if self.is_paused:
            return
        if self.is_away:
            self._backlog.append(chunk)
            return
        try:
            await self._wire.append(chunk)
        except ConnectionError:
            self.is_away = True
            self._backlog.append(chunk)

    async def report_playout(self, item_id: str, heard_ms: float) -> None:
        """Tell how much of an item is heard at last, if there is a connection."""
        try:
            await self._wire.report_playout(item_id, heard_ms)
        except ConnectionError:
            return

    async def resume(self) -> None:
        """Ask a paused session to go on, by a new socket where the old one is closed."""
        if self.is_away:
            self._resume_asked.set()
        else:
            await self.send(RESUME)

    async def close(self) -> None:
        """Hang up: the session ends, if there is a connection to say so."""
        self._leaving = True
        await self._wire.close()

    async def __aiter__(self) -> AsyncIterator[Received]:
        received: AsyncIterator[Received] | None = aiter(self._wire)
        try:
            while received is not None:
                async for body, chunk in received:
                    if not self._repeats.is_repeat(body):
                        self._note(body)
                        yield body, chunk
                received = await self._next() if await self._may_come_back() else None
        finally:
            # Whatever happened, nobody waits for a connection that cannot come.
            self._over = True
            self._ready.set()

    def _note(self, body: Body) -> None:
        kind = body["type"]
        if kind in {"session.created", RESUMED}:
            ours = body["session"].get("voicehub") or {}
            self._session_id = ours.get("session_id")
            self._leg = ours.get("leg")
        if kind in {PAUSED, RESUMED}:
            self.is_paused = kind == PAUSED

    async def _may_come_back(self) -> bool:
        """Whether what closed the socket did not end the session; a paused one is waited for."""
        code = self._wire.close_code
        ends = code not in ({BROKE, GOING_AWAY, IDLE} if self.is_paused else {BROKE, GOING_AWAY})
        if ends or self._leaving or not self._come_back_s or self._session_id is None:
            return False
        self._ready.clear()
        self.is_away = True
        now_s = asyncio.get_running_loop().time()
        if self.is_paused:
            # To come back would be to go on: that is for whoever paused to say.
            await self._resume_asked.wait()
            self._resume_asked.clear()
            self._tries, self._lost_at_s = 0, asyncio.get_running_loop().time()
        elif now_s - self._back_at_s > STEADY_S:
            self._tries, self._lost_at_s = 0, now_s
        if not self.is_paused:
            self._notice(Lost(code))
        return True

    async def _next(self) -> AsyncIterator[Received] | None:
        """What the next socket gives, or what the last one said of the session's end."""
        loop = asyncio.get_running_loop()
        while (left_s := self._lost_at_s + self._come_back_s - loop.time()) > 0:
            wait_s = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2**self._tries)
            self._tries += 1
            await asyncio.sleep(min(left_s, wait_s * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
            try:
                self._wire = await self._connect()
            except NotOpenedError as error:
                if error.retryable or await self._renewed(error):
                    continue
                return None
            received = aiter(self._wire)
            first = await self._first(received)
            if first is None:
                return None
            if first and first[-1][0]["type"] == "session.created":
                await self._arrive(first[-1][0])
                return _chained(first, received)
            if self._wire.close_code not in _TRIED_AGAIN:
                return _chained(first, received)
        return None

    async def _connect(self) -> Wire:
        query = {"session_id": str(self._session_id)}
        if last := self._repeats.last_event_id:
            query["last_event_id"] = last
        return await Wire.connect(
            self._http,
            str(URL(self._url).update_query(query)),
            self._secret,
            places=self._places,
            timeout_s=HANDSHAKE_S_MAX,
        )

    async def _renewed(self, refused: NotOpenedError) -> bool:
        """Whether there is a new secret, where the old one was refused."""
        if refused.refused_with != 401 or self._renew is None or self._session_id is None:
            return False
        try:
            fresh = await self._renew(self._session_id)
        except VoiceHubError:
            return False
        before, self._secret = self._secret, fresh["client_secret"]["value"]
        return before != self._secret

    async def _first(self, received: AsyncIterator[Received]) -> list[Received] | None:
        """What comes up to the greeting, or to the end of a socket that has none; None where
        neither comes in time.
        """
        came: list[Received] = []

        async def read() -> None:
            async for each in received:
                came.append(each)
                if each[0]["type"] == "session.created":
                    return

        reading = spawn(read(), name="link.greeting")
        try:
            await asyncio.wait([reading], timeout=GREETING_S_MAX)
            return came if reading.done() else None
        finally:
            await stop(reading)

    async def _arrive(self, greeting: Body) -> None:
        """Say what waited, and tell that we are back."""
        former, loop = self._leg, asyncio.get_running_loop()
        self._note(greeting)
        self._back_at_s = loop.time()
        is_continued = self._leg is not None and self._leg == former
        was_paused, self.is_paused = self.is_paused, False
        try:
            while self._backlog:
                await self._wire.append(self._backlog.popleft())
            # No await since: nothing can be said in between.
            self.is_away = False
        except ConnectionError:
            pass  # it broke again, which the reader learns
        self._ready.set()
        after_s = loop.time() - self._lost_at_s
        self._notice(Resumed() if was_paused else Reconnected(after_s, is_continued))
        if is_continued:
            self._repeats.expect()


async def _chained(first: list[Received], rest: AsyncIterator[Received]) -> AsyncIterator[Received]:
    for each in first:
        yield each
    async for each in rest:
        yield each
