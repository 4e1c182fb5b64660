"""A caller: microphone, loudspeaker and notes of every event, whatever client carries them.

The same as caller.mjs. The clock is real: a chunk of 100 ms leaves the microphone every 100 ms, and
the loudspeaker takes what the agent says at the speed at which it is heard.
"""

import asyncio
import base64
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from voicehub.audio.formats import pcm_samples
from voicehub.client.speaker import Speaker

PER_MS = 24
TICK_MS = 20
APPEND_MS = 100
PAUSE_MS = 300
# What is awaited for longer than this does not come.
STEP_S_MAX = 30.0

Event = dict[str, Any]


@dataclass
class Spoken:
    """An item of the agent as it came."""

    got: list[bytes] = field(default_factory=list)
    heard_samples: int = 0
    is_cut: bool = False


class Caller:
    """Use as `async with`: the clock runs inside."""

    def __init__(self, clips: dict[str, Path]) -> None:
        self.sessions: list[list[Event]] = []
        self.errors: list[str] = []
        self.is_open = True
        """Whether the microphone sends silence while nothing is said."""
        self.append: Callable[[bytes], Awaitable[None]] | None = None
        self.truncate: Callable[[str, int, int], Awaitable[None]] | None = None
        self._clips = clips
        self._items: dict[str, Spoken] = {}
        self._speaker = Speaker()
        self._saying = b""
        self._pending = b""
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._began_s = time.monotonic()
        self._ticks = 0
        self._clock = asyncio.get_running_loop().create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._clock.cancel()
        await asyncio.wait([self._clock])

    @property
    def _now_ms(self) -> float:
        return (time.monotonic() - self._began_s) * 1000

    @property
    def events(self) -> list[Event]:
        return self.sessions[-1]

    def mark(self) -> int:
        return len(self.events) if self.sessions else 0

    async def take(self, event: Event) -> None:
        """An event came."""
        # What is heard of now was not there before: first let the clock come up to now.
        self._listen()
        if event["type"] == "session.created":
            self.sessions.append([])
        if event["type"] == "error":
            self.errors.append(json.dumps(event["error"]))
        if event["type"] == "response.output_audio.delta":
            self._play(event["item_id"], event["content_index"], event.pop("delta"))
        self.events.append({**event, "at_ms": self._now_ms})
        if event["type"] == "input_audio_buffer.speech_started":
            await self._cut()
        self._notify()

    def _play(self, item_id: str, content_index: int, delta: str) -> None:
        pcm = base64.b64decode(delta)
        self._items.setdefault(item_id, Spoken()).got.append(pcm)
        self._speaker.add(item_id, content_index, pcm_samples(pcm))

    async def _cut(self) -> None:
        if (cut := self._speaker.cut()) is not None:
            self._items[cut.item_id].is_cut = True
            assert self.truncate is not None
            await self.truncate(cut.item_id, cut.content_index, cut.heard_ms)

    async def say(self, name: str) -> None:
        """Say a clip in real time; done when its last chunk is sent."""
        self._saying = self._clips[name].read_bytes()
        await self.holds(lambda: not self._saying and not self._pending, f"{name!r} said")

    async def until(
        self, kind: str, *, since: int = 0, where: Callable[[Event], bool] = lambda _: True
    ) -> Event:
        """The first event of a type from event `since` on; its place is its `number`."""
        found: list[Event] = []

        def look() -> bool:
            found.extend(
                {**event, "number": number}
                for number, event in enumerate(self.events)
                if number >= since and event["type"] == kind and where(event)
            )
            return bool(found)

        await self.holds(look, kind)
        return found[0]

    async def reply(self, since: int) -> Event:
        """The next reply that nobody talks over: `response.done`, when it is heard to its end."""
        while True:
            created = await self.until("response.created", since=since)
            wanted = created["response"]["id"]
            done = await self.until(
                "response.done",
                since=created["number"],
                where=lambda event, wanted=wanted: event["response"]["id"] == wanted,
            )
            if (done["response"].get("status_details") or {}).get("reason") != "turn_detected":
                await self.holds(lambda: not self._speaker.playing, "the end of the reply")
                return done
            since = created["number"] + 1

    async def ask(self, name: str) -> Event:
        """Say a clip and hear the reply."""
        since = self.mark()
        await self.say(name)
        return await self.reply(since)

    async def heard(self, item_id: str, wanted_ms: float) -> None:
        await self.holds(
            lambda: self._speaker.heard_ms(item_id) >= wanted_ms, f"{wanted_ms} ms of the reply"
        )

    async def pause(self) -> None:
        """A moment of quiet, as before people hang up."""
        end_ms = self._now_ms + PAUSE_MS
        await self.holds(lambda: self._now_ms >= end_ms, "pause")

    async def holds(self, check: Callable[[], bool], what: str) -> None:
        """Wait until `check` holds; it is asked at every event and tick."""
        try:
            async with asyncio.timeout(STEP_S_MAX):
                while not check():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = [event["type"] for event in self.events[-6:]]
            raise TimeoutError(f"No {what}; last: {last}; errors: {self.errors}") from None

    def finish(self, folder: Path) -> None:
        """Write down everything: `report.json`, and a file of PCM for each item spoken."""
        items = []
        for item_id, item in self._items.items():
            pcm = b"".join(item.got)
            (folder / f"{item_id}.pcm").write_bytes(pcm)
            heard = round(self._speaker.heard_ms(item_id) * PER_MS) * 2
            items.append(
                {"id": item_id, "bytes": len(pcm), "heard_bytes": heard, "is_cut": item.is_cut}
            )
        report = {"sessions": self.sessions, "items": items, "errors": self.errors}
        (folder / "report.json").write_text(json.dumps(report))

    async def _run(self) -> None:
        spoken = 0
        while True:
            spoken += 1
            # After a stall the missed ticks follow at once: the clock is right again.
            await asyncio.sleep(max(0.0, (spoken * TICK_MS - self._now_ms) / 1000))
            self._listen()
            await self._speak()
            self._notify()

    def _listen(self) -> None:
        while (self._ticks + 1) * TICK_MS <= self._now_ms:
            self._ticks += 1
            self._speaker.take(TICK_MS * PER_MS)

    async def _speak(self) -> None:
        if not self.is_open and not self._saying and not self._pending:
            return
        size = TICK_MS * PER_MS * 2
        self._pending += self._saying[:size].ljust(size, b"\0")
        self._saying = self._saying[size:]
        if len(self._pending) >= APPEND_MS * PER_MS * 2:
            audio, self._pending = self._pending, b""
            if self.append is not None:
                await self.append(audio)

    def _notify(self) -> None:
        self._changed.set()


def cut_the_line() -> None:
    """Ask for the line to be cut, as if a cable were pulled."""
    sys.stdout.write("cut\n")
    sys.stdout.flush()
