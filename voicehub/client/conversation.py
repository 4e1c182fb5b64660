"""One live conversation from the client's side, spoken and heard in real time.

All is counted in samples of one clock that starts when the socket opens: what is said, what is
heard and when an event came. Barge-in works as on a telephone: when the server says that the caller
speaks, the loudspeaker stops, and the server is told how much of the reply was heard.

A connection that breaks comes back by itself (`Link`). Meanwhile the loudspeaker plays what it has,
a script waits, and of a microphone the last second is kept.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import numpy as np

from voicehub.audio.formats import RATE_HZ, Pcm
from voicehub.client.link import COME_BACK_S_MAX, Link, Renew, SessionEndedError
from voicehub.client.notices import Notice, Reconnected, Resumed, notice_of
from voicehub.client.places import AUDIO_DELTA
from voicehub.client.source import Script, Source
from voicehub.client.speaker import Cut, Speaker
from voicehub.client.tape import Tape
from voicehub.client.transcript import Line, Transcript
from voicehub.client.turns import Event, Interruption, Reply, Utterance
from voicehub.errors import ClientError, VoiceHubError
from voicehub.realtime.extension import PAUSE
from voicehub.tasks import spawn, stop

SAMPLES_PER_MS = RATE_HZ // 1000
# The loudspeaker's step: how exactly barge-in is cut.
TICK_MS = 20
# The microphone's: one `input_audio_buffer.append` each.
APPEND_MS = 100
# Events that are kept for `wait_for`; at the limit the older half is forgotten.
EVENTS_MAX = 20_000
# A pause waits for the usage of a response under way, a resumption for an engine.
PAUSE_S_MAX = 15.0
RESUME_S_MAX = 60.0

T = TypeVar("T")


class ReplyLostError(VoiceHubError):
    """The session went on at another owner, which knows the conversation but not the reply that was
    under way, nor words that the caller had just said. Whether to say them again is the caller's
    choice: a tool may have run already.
    """

    code = "reply_lost"


@dataclass(slots=True)
class Observer:
    """What wants to know of each step; all are optional and must not wait."""

    event: Callable[[Event], None] = lambda _event: None
    line: Callable[[Line], None] = lambda _line: None
    heard: Callable[[Pcm], None] = lambda _chunk: None
    notice: Callable[[Notice], None] = lambda _notice: None


class Conversation:
    """Use as `async with`: the socket opens at the start and closes with 1000 at the end."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        secret: str,
        *,
        renew: Renew | None = None,
        come_back_s: float = COME_BACK_S_MAX,
        source: Source | None = None,
        tape: Tape | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`renew` (`Api.resume`) gives a fresh secret, should the connection break after `secret`
        has expired; `come_back_s` is how long it may take to come back, 0 for not at all.
        """
        self.events: list[Event] = []
        self.transcript = Transcript()
        self.speaker = Speaker()
        self.cuts: list[tuple[Cut, float]] = []
        self.close_code: int | None = None
        self._forgotten = 0
        self._http, self._url, self._secret = http, url, secret
        self._renew, self._come_back_s = renew, come_back_s
        self._source = source or Script()
        self._tape = tape
        self._observer = observer or Observer()
        self._link: Link
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._taken = 0
        self._interruptible = True
        # How many owners the session has had, and the number of the event since which the last has.
        self._owners, self._owned_since = 1, 0

    async def __aenter__(self) -> Self:
        self._link = await Link.connect(
            self._http,
            self._url,
            self._secret,
            renew=self._renew,
            come_back_s=self._come_back_s,
            notice=self._notice,
        )
        self._started_s = asyncio.get_running_loop().time()
        self._tasks = [
            spawn(self._listen(), name="conversation.listen"),
            spawn(self._speak(), name="conversation.speak"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        listening, speaking = self._tasks
        try:
            await stop(speaking)
            if self._link.is_away:
                await stop(listening)
        finally:
            await self._link.close()
            if self._tape is not None:
                self._tape.close()
            await stop(listening)

    @property
    def extended(self) -> bool:
        """Whether the server speaks voicehub.v1 with us."""
        return self._link.extended

    @property
    def now_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._started_s) * 1000

    def mark(self) -> int:
        """The number of the next event: what `since` takes, to look at what comes from now on."""
        return self._forgotten + len(self.events)

    async def send(self, kind: str, /, **fields: Any) -> None:
        """Send one client event, once there is a connection. Raises SessionEndedError."""
        await self._link.send(kind, **fields)

    async def pause(self) -> None:
        """Pause the session: no engine, no meter, no clock. The caller is not heard meanwhile.

        Raises ClientError where the server has no pauses, TimeoutError, SessionEndedError.
        """
        if not self.extended:
            raise ClientError("Only a server that speaks voicehub.v1 pauses a session.")
        await self.send(PAUSE)
        await self._until(lambda: self._link.is_paused or None, PAUSE_S_MAX, "the pause")

    async def resume(self) -> None:
        """Go on after a pause, also where the socket was closed meanwhile."""
        await self._link.resume()
        await self._until(
            lambda: None if self._link.is_paused else True, RESUME_S_MAX, "the end of the pause"
        )

    async def say(self, clip: Pcm) -> Utterance:
        """Speak `clip` in real time, after what is being said already; returns when it is said."""
        if not isinstance(self._source, Script):
            raise TypeError("Only a scripted conversation can be told what to say.")
        ended = self._source.say(clip)
        await self._until(lambda: True if ended.done() else None, len(clip) / RATE_HZ + 60, "say")
        end_ms = ended.result() / SAMPLES_PER_MS
        return Utterance(end_ms - len(clip) / SAMPLES_PER_MS, end_ms)

    async def ask(self, clip: Pcm) -> tuple[Utterance, Reply]:
        """Say `clip` and hear the reply to its last words: pauses in it may make several turns.

        Raises ReplyLostError, as `reply` does.
        """
        since, owners = self.mark(), self._owners
        utterance = await self.say(clip)
        self._require_owner(owners)
        started = "input_audio_buffer.speech_started"
        turns = [event.number for event in self.events if event.type == started]
        return utterance, await self.reply(since=max(since, *turns[-1:], 0))

    async def wait_for(
        self,
        kind: str,
        *,
        since: int = 0,
        timeout_s: float = 15.0,
        where: Callable[[dict[str, Any]], bool] = lambda _body: True,
        owners: int | None = None,
    ) -> Event:
        """The first `kind` from event `since` on. Raises TimeoutError, SessionEndedError.

        `owners`: how many the session has had; with another one, ReplyLostError.
        """
        position = since

        def found() -> Event | None:
            nonlocal position
            while position < self.mark():
                event = self.events[max(0, position - self._forgotten)]
                position = event.number + 1
                if event.type == kind and where(event.body):
                    return event
            if owners is not None:
                self._require_owner(owners)
            return None

        return await self._until(found, timeout_s, kind)

    async def reply(self, *, since: int, timeout_s: float = 60.0, heard: bool = True) -> Reply:
        """The next reply that begins after `since` and that the caller does not talk over.

        By default it is also heard to its end. Raises TimeoutError, SessionEndedError, and
        ReplyLostError when the session goes on at another owner while this waits.
        """
        waiting = partial(self.wait_for, timeout_s=timeout_s, owners=self._owners)
        while True:
            created = await waiting("response.created", since=since)
            response = created.body["response"]
            if created.number < self._owned_since and not self._is_done(response["id"]):
                # It began at an owner before, and never ends.
                since = self._owned_since
                continue
            done = await waiting(
                "response.done", since=created.number, where=partial(_is_of, response["id"])
            )
            response = done.body["response"]
            if (response.get("status_details") or {}).get("reason") != "turn_detected":
                break
            since = created.number + 1
        first = next(
            (
                event.at_ms
                for event in self.events
                if event.type == AUDIO_DELTA and event.body["response_id"] == response["id"]
            ),
            None,
        )
        if heard:
            await self._until(
                lambda: None if self.speaker.playing else True, timeout_s, "the end of the reply"
            )
        return Reply(response, first)

    async def interrupt(
        self, clip: Pcm, *, since: int, heard_ms: float = 1_000, timeout_s: float = 30.0
    ) -> Interruption:
        """Barge in with `clip` once `heard_ms` of the reply that comes after `since` are heard."""
        first = await self.wait_for(AUDIO_DELTA, since=since, timeout_s=timeout_s)
        item_id = first.body["item_id"]
        await self._until(
            lambda: True if self.speaker.heard_ms(item_id) >= heard_ms else None,
            timeout_s,
            f"{heard_ms} ms of the reply",
        )
        before, mark = len(self.cuts), self.mark()
        utterance = await self.say(clip)
        cut, at_ms = await self._until(
            lambda: self.cuts[before] if len(self.cuts) > before else None, timeout_s, "barge-in"
        )
        return Interruption(cut, at_ms, utterance, mark)

    async def ended(self) -> int | None:
        """Wait until the server closes; returns its close code."""
        await asyncio.wait([self._tasks[0]])
        return self.close_code

    async def _speak(self) -> None:
        """The one clock: every tick takes samples from the source and from the loudspeaker."""
        count = TICK_MS * SAMPLES_PER_MS
        pending: list[Pcm] = []
        script = self._source if isinstance(self._source, Script) else None
        while self.close_code is None:
            self._taken += count
            if script is not None:
                script.is_held = self._link.is_away or self._link.is_paused
            # After a stall the missed ticks follow at once: the clock is right again.
            await asyncio.sleep(max(0.0, (self._taken / SAMPLES_PER_MS - self.now_ms) / 1000))
            said, heard = self._source.take(count), self.speaker.take(count)
            if self._tape is not None:
                self._tape.write(said, heard)
            self._observer.heard(heard)
            pending.append(said)
            if len(pending) * TICK_MS >= APPEND_MS:
                await self._link.append(np.concatenate(pending))
                pending = []
            self._notify()

    async def _listen(self) -> None:
        try:
            async for body, chunk in self._link:
                await self._take(body, chunk)
                self._notify()
        finally:
            # Set whatever happened, so that nobody waits for events that cannot come.
            self.close_code = self._link.close_code
            self._notify()

    async def _take(self, body: dict[str, Any], chunk: Pcm | None) -> None:
        kind = body["type"]
        if chunk is not None:
            self.speaker.add(body["item_id"], body["content_index"], chunk)
            body["audio_ms"] = len(chunk) / SAMPLES_PER_MS
        elif kind in {"session.created", "session.updated"}:
            self._interruptible = _interruptible(body)
        elif kind == "input_audio_buffer.speech_started" and self._interruptible:
            await self._cut()
        event = Event(self.mark(), kind, body, self.now_ms)
        self.events.append(event)
        if len(self.events) > EVENTS_MAX:
            self._forgotten += EVENTS_MAX // 2
            del self.events[: EVENTS_MAX // 2]
        self._observer.event(event)
        if notice := notice_of(body):
            self._notice(notice)
        if line := self.transcript.feed(kind, body, event.at_ms):
            self._observer.line(line)

    async def _cut(self) -> None:
        at_ms = self._taken / SAMPLES_PER_MS
        if (cut := self.speaker.cut()) is None:
            return
        self.cuts.append((cut, at_ms))
        # The recording learns it at once, the engine's conversation by the truncation.
        await self._link.report_playout(cut.item_id, cut.heard_ms)
        await self._link.tell(
            "conversation.item.truncate",
            item_id=cut.item_id,
            content_index=cut.content_index,
            audio_end_ms=cut.heard_ms,
        )

    def _notice(self, notice: Notice) -> None:
        if isinstance(notice, Resumed) or (
            isinstance(notice, Reconnected) and not notice.is_continued
        ):
            self._owners += 1
            self._owned_since = self.mark()
            self.transcript.begin_leg(self.now_ms)
        self._observer.notice(notice)
        self._notify()

    def _is_done(self, response_id: str) -> bool:
        done = (event for event in self.events if event.type == "response.done")
        return any(_is_of(response_id, event.body) for event in done)

    def _require_owner(self, owners: int) -> None:
        if owners != self._owners:
            raise ReplyLostError("The connection came back to another server: the reply is gone.")

    async def _until(self, check: Callable[[], T | None], timeout_s: float, what: str) -> T:
        """Wait until `check` gives something; it is asked at every event and tick."""
        try:
            async with asyncio.timeout(timeout_s):
                while (found := check()) is None:
                    if self.close_code is not None:
                        raise SessionEndedError(
                            f"The server closed with {self.close_code} before {what}."
                        )
                    await self._changed.wait()
        except TimeoutError:
            last = ", ".join(event.type for event in self.events[-5:])
            raise TimeoutError(f"No {what} in {timeout_s:g} s; the last events: {last}") from None
        return found

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _is_of(response_id: str, body: dict[str, Any]) -> bool:
    return bool(body["response"]["id"] == response_id)


def _interruptible(body: dict[str, Any]) -> bool:
    """Whether the session lets the caller's speech stop a reply; the protocol's default is yes."""
    audio = body["session"].get("audio") or {}
    turn_detection = (audio.get("input") or {}).get("turn_detection") or {}
    return turn_detection.get("interrupt_response") is not False
