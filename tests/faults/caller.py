"""A client that keeps its own books: what it saw finished, and what it sent."""

import asyncio
import base64
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import aiohttp
import orjson
from aiohttp import WSMsgType

from tests.faults import tone
from voicehub.client.api import Api
from voicehub.errors import VoiceHubError
from voicehub.realtime.frame import Body
from voicehub.tasks import spawn, stop

# Further behind its microphone than this, a caller drops what it did not send.
LATE_S_MAX = 2.0
# The model says something each second: a server that is silent for so long is taken for dead.
PATIENCE_S = 8.0
# How long a caller tries to come back into its session.
RETURN_S_MAX = 28.0
RETRY_S = 0.5
CONNECT_S_MAX = 10.0
HANG_UP_S_MAX = 5.0
USER_SAID = "conversation.item.input_audio_transcription.completed"
AGENT_SAID = "response.output_audio_transcript.done"
# What a server says that will take the session later.
LATER = {429, 500, 502, 503, 504}


class Outcome(Enum):
    LEFT = "left"  # we hung up, or the server ended it in order
    CUT = "cut"
    DRAINED = "drained"  # told to come back
    SILENT = "silent for too long"


# Close codes that mean something; any other end is a cut.
ENDINGS = {
    **dict.fromkeys((1000, 1001, 1008, 1009, 1011), Outcome.LEFT),
    1012: Outcome.DRAINED,
}


@dataclass(frozen=True, slots=True)
class Cut:
    """A connection that ended before the conversation did."""

    server: int
    at_s: float
    """On the monotonic clock."""
    outcome: Outcome


@dataclass(slots=True)
class Ledger:
    """One session, as its client saw it."""

    session_id: int
    mark: str
    lines: dict[str, str] = field(default_factory=dict)
    """Finished lines by item."""
    responses: dict[str, Body] = field(default_factory=dict)
    """The usage of the responses seen done."""
    sent: int = 0
    """Units of `tone`."""
    cuts: list[Cut] = field(default_factory=list)
    returns: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Why it was not taken back, and errors that it was told."""
    ended_s: float | None = None
    open_responses: set[str] = field(default_factory=set)

    def note(self, event: Body) -> None:
        kind = event["type"]
        if kind in {USER_SAID, AGENT_SAID}:
            self.lines[event["item_id"]] = event["transcript"]
        elif kind == "response.created":
            self.open_responses.add(event["response"]["id"])
        elif kind == "response.done":
            response = event["response"]
            self.open_responses.discard(response["id"])
            self.responses[response["id"]] = response.get("usage") or {}
        elif kind == "error":
            self.refusals[f"told {event['error']['code']}"] += 1


@dataclass(frozen=True, slots=True)
class Habits:
    """How long a caller talks, and how often one whose line is cut does not come back."""

    talk_s: tuple[float, float] = (30.0, 120.0)
    gives_up: float = 0.2
    frame_ms: int = 100
    """Of audio in an event; the model's turns take 30 of them."""
    patience_s: float = PATIENCE_S


class Caller:
    """Holds one conversation after the other until `leave` is set, then hangs up in order."""

    def __init__(
        self,
        number: int,
        *,
        urls: Sequence[str],
        token: str,
        http: aiohttp.ClientSession,
        seed: int,
        leave: asyncio.Event,
        habits: Habits,
    ) -> None:
        self.books: list[Ledger] = []
        self._number = number
        self._urls = urls
        self._token = token
        self._http = http
        self._dice = random.Random(f"{seed}/{number}")
        self._leave = leave
        self._habits = habits

    async def run(self) -> None:
        while not self._leave.is_set():
            if not await self.converse():
                await self._pause()

    async def converse(self) -> bool:
        """Hold one conversation; False when no session was to be had."""
        ledger = await self._open(f"caller-{self._number:03d}{len(self.books):04d}")
        if ledger is None:
            return False
        self.books.append(ledger)
        await self._converse(ledger)
        ledger.ended_s = time.monotonic()
        return True

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._leave.wait(), RETRY_S)

    async def _open(self, mark: str) -> Ledger | None:
        api = Api(self._http, self._dice.choice(self._urls), self._token)
        try:
            row = await api.open_session("Ava", {"mark": mark})
        except VoiceHubError:
            return None  # refused, or nobody there: the next server, then
        return Ledger(int(row["id"]), mark)

    async def _converse(self, ledger: Ledger) -> None:
        hang_up_s = time.monotonic() + self._dice.uniform(*self._habits.talk_s)
        while True:
            socket, server = await self._connect(ledger)
            if socket is None:
                return
            outcome = await self._talk(socket, ledger, hang_up_s)
            if outcome is Outcome.LEFT:
                return
            ledger.open_responses.clear()
            ledger.cuts.append(Cut(server, time.monotonic(), outcome))
            if self._leave.is_set() or self._dice.random() < self._habits.gives_up:
                return
            ledger.returns += 1

    async def _connect(
        self, ledger: Ledger
    ) -> tuple[aiohttp.ClientWebSocketResponse[bool] | None, int]:
        """Any server will do. None once the session is over, or nobody took us in time."""
        give_up_s = time.monotonic() + RETURN_S_MAX
        while time.monotonic() < give_up_s:
            server = self._dice.randrange(len(self._urls))
            url = f"{self._urls[server]}/v1/realtime?session_id={ledger.session_id}"
            headers = {"Authorization": f"Bearer {self._token}"}
            try:
                async with asyncio.timeout(CONNECT_S_MAX):
                    socket = await self._http.ws_connect(url, headers=headers, max_msg_size=0)
            except aiohttp.WSServerHandshakeError as error:
                if error.status not in LATER:
                    ledger.refusals[f"HTTP {error.status}"] += 1
                    return None, server
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            else:
                return socket, server
            await asyncio.sleep(RETRY_S)  # what a client waits too
        ledger.refusals["nobody there"] += 1
        return None, 0

    async def _talk(
        self, socket: aiohttp.ClientWebSocketResponse[bool], ledger: Ledger, hang_up_s: float
    ) -> Outcome:
        speaking = spawn(self._speak(socket, ledger), name=f"microphone {self._number}")
        try:
            return await self._listen(socket, ledger, hang_up_s)
        finally:
            await stop(speaking)
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(HANG_UP_S_MAX):
                    await socket.close()

    async def _listen(
        self, socket: aiohttp.ClientWebSocketResponse[bool], ledger: Ledger, hang_up_s: float
    ) -> Outcome:
        while True:
            try:
                async with asyncio.timeout(self._habits.patience_s):
                    message = await socket.receive()
            except TimeoutError:
                return Outcome.SILENT
            if message.type is not WSMsgType.TEXT:
                return ENDINGS.get(socket.close_code, Outcome.CUT)
            ledger.note(orjson.loads(message.data))
            wants_to_go = self._leave.is_set() or time.monotonic() > hang_up_s
            if wants_to_go and not ledger.open_responses:
                return Outcome.LEFT

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse[bool], ledger: Ledger) -> None:
        due_s = time.monotonic()
        frame_s, units = self._habits.frame_ms / 1000, self._habits.frame_ms // tone.UNIT_MS
        with suppress(ConnectionError, aiohttp.ClientError):
            while not socket.closed:
                pcm = tone.voice(ledger.sent, units)
                audio = base64.b64encode(pcm).decode()
                event = {"type": "input_audio_buffer.append", "audio": audio}
                ledger.sent += units
                await socket.send_frame(orjson.dumps(event), WSMsgType.TEXT)
                due_s = max(due_s + frame_s, time.monotonic() - LATE_S_MAX)
                await asyncio.sleep(due_s - time.monotonic())  # the pace of a microphone
