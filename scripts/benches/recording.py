"""What recording and metering add to a frame, step by step, without sockets and engines."""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from benches.report import Report
from benches.stage import Stage, stage
from benches.voice import FRAME_MS, frames

from voicehub.audio.formats import pcm_samples
from voicehub.audio.timeline import BLOCK_MS_MIN, Timeline
from voicehub.session.commands import Book
from voicehub.session.metering import Totals
from voicehub.sinks.meter import MeterSink
from voicehub.sinks.recorder import TAIL_INTERVAL_S, Recorder
from voicehub.sinks.spool import Spool
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import Spaces

SESSIONS, SECONDS = 200, 9.0
QUICK_SESSIONS, QUICK_SECONDS = 20, 3.0
WARM_UP_S = 4.0
# As in the session: all that falls due meets on a beat, and settled audio is looked for twice a
# second.
BEAT_MS = 25
LOOK_MS = 500
BOOK_MS = 1_000
STRIDE_FRAMES = 7
NEVER_S = 1e9
MICROSECONDS = 1_000_000
ITEM_FRAMES = 50
AGE_MS = 370


@dataclass(slots=True)
class Speaker:
    """One session's share of the path: each part is there once its step is measured."""

    number: int
    timeline: Timeline | None = None
    recorder: Recorder | None = None
    meter: MeterSink | None = None
    booked: int = 0

    def frame(self, place: int, now_ms: float) -> None:
        """100 ms of both voices."""
        raw = frames()
        place += self.number * STRIDE_FRAMES
        user, agent = raw[place % len(raw)], raw[(place + len(raw) // 2) % len(raw)]
        if self.timeline is not None:
            self.timeline.add_user(pcm_samples(user), now_ms)
            item_id = f"item_{place // ITEM_FRAMES}"
            self.timeline.add_agent(item_id, pcm_samples(agent), now_ms)

    def look(self, now_ms: float) -> None:
        if self.timeline is not None:
            for block in self.timeline.settled(now_ms):
                if self.recorder is not None:
                    self.recorder.write(block)

    async def book(self) -> None:
        assert self.meter is not None
        self.booked += 1
        await self.meter.book(Book(self.booked, Totals(), self.booked * MICROSECONDS))


@dataclass(slots=True)
class Step:
    """CPU of our process, with all that the steps before had as well."""

    name: str
    frames: int
    cpu_s: float
    seconds: float
    late_ms_max: float

    @property
    def frame_us(self) -> float:
        return self.cpu_s / self.frames * MICROSECONDS

    def row(self, before: float) -> list[str]:
        return [
            self.name,
            f"{self.frame_us - before:.1f}",
            f"{self.frame_us:.1f}",
            f"{self.cpu_s / self.seconds:.1%}",
            f"{self.late_ms_max:.0f}",
        ]


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--sessions", type=int, help=f"at once; {SESSIONS} by default")
    command.add_argument("--seconds", type=float, help=f"of each step; {SECONDS} by default")


async def run(options: argparse.Namespace) -> Report:
    count = options.sessions or (QUICK_SESSIONS if options.quick else SESSIONS)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    async with (
        stage() as scene,
        Redis.connect(scene.stack.redis_url) as redis,
        scene.recordings() as (spaces, spool),
    ):
        steps = [await _measure("pacing of this bench", _speakers(count), seconds)]
        talking = _speakers(count, Timeline)
        steps.append(await _measure("timeline", talking, seconds))
        async with _recorded(count, spaces, spool, NEVER_S) as speakers:
            steps.append(await _measure("encoder and spool", speakers, seconds))
        async with _recorded(count, spaces, spool, TAIL_INTERVAL_S) as speakers:
            steps.append(await _measure("tail objects", speakers, seconds))
        async with _metered(scene, redis, count) as speakers:
            steps.append(await _measure("bookings", speakers, seconds))
    return _report(steps, count)


def _speakers(count: int, timeline: Callable[[float], Timeline] | None = None) -> list[Speaker]:
    now_ms = time.monotonic() * 1000
    return [
        # Sessions are of different age, so that their blocks do not settle together.
        Speaker(number, timeline and timeline(now_ms - number * AGE_MS % BLOCK_MS_MIN))
        for number in range(count)
    ]


@asynccontextmanager
async def _recorded(
    count: int, spaces: Spaces, spool: Spool, tail_interval_s: float
) -> AsyncIterator[list[Speaker]]:
    speakers = _speakers(count, Timeline)
    for speaker in speakers:
        speaker.recorder = Recorder(
            spaces=spaces,
            spool=spool,
            key_stem=f"bench/{tail_interval_s:.0f}/{speaker.number}",
            tail_interval_s=tail_interval_s,
        )
        await speaker.recorder.open()
    try:
        yield speakers
    finally:
        async with asyncio.TaskGroup() as group:
            for speaker in speakers:
                assert speaker.recorder is not None
                group.create_task(speaker.recorder.abandon())


@asynccontextmanager
async def _metered(scene: Stage, redis: Redis, count: int) -> AsyncIterator[list[Speaker]]:
    """Bookings only: the other steps' cost does not depend on them."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(scene.postgres())
        speakers = _speakers(count)
        for speaker in speakers:
            owned = await scene.own_session(postgres, redis)
            speaker.meter = MeterSink(redis=redis, postgres=postgres, owned=owned)
        yield speakers


async def _measure(name: str, speakers: list[Speaker], seconds: float) -> Step:
    """All speak at the pace of speech, spread over the beats as callers are."""
    began_s = time.monotonic()
    frames_measured, late_ms, began_cpu_s = 0, 0.0, 0.0
    warm_beats = int(WARM_UP_S * 1000) // BEAT_MS
    beats = warm_beats + int(seconds * 1000) // BEAT_MS
    async with asyncio.TaskGroup() as group:
        for beat in range(beats):
            if beat == warm_beats:
                paused_s = time.monotonic()
                await _drained(speakers)
                began_s += time.monotonic() - paused_s
                began_cpu_s, frames_measured, late_ms = time.process_time(), 0, 0.0
            due_s = began_s + beat * BEAT_MS / 1000
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            late_ms = max(late_ms, (time.monotonic() - due_s) * 1000)
            frames_measured += _beat(speakers, beat, group)
        await _drained(speakers)
        cpu_s = time.process_time() - began_cpu_s
    return Step(name, frames_measured, cpu_s, seconds, late_ms)


async def _drained(speakers: list[Speaker]) -> None:
    """What a busy machine put off belongs to the time in which it fell due."""
    for speaker in speakers:
        if speaker.recorder is not None:
            await speaker.recorder.drained()


def _beat(speakers: list[Speaker], beat: int, group: asyncio.TaskGroup) -> int:
    """What falls due on one beat; returns the number of frames."""
    now_ms, spoken = time.monotonic() * 1000, 0
    for speaker in speakers:
        at_ms = (beat - speaker.number) * BEAT_MS
        if at_ms % FRAME_MS == 0:
            speaker.frame(at_ms // FRAME_MS, now_ms)
            spoken += 1
        if at_ms % LOOK_MS == 0:
            speaker.look(now_ms)
        if speaker.meter is not None and at_ms % BOOK_MS == 0:
            group.create_task(speaker.book())
    return spoken


def _report(steps: list[Step], count: int) -> Report:
    pacing, *_, recorded, booked = steps
    added = recorded.frame_us - pacing.frame_us + booked.frame_us - pacing.frame_us
    befores = [0.0, *(step.frame_us for step in steps[:3]), pacing.frame_us]
    return Report(
        f"Recording and metering of {count} sessions",
        ("step", "µs/frame", "with those above", "of a core", "late ms"),
        rows=[step.row(before) for step, before in zip(steps, befores, strict=True)],
        notes=[
            (
                "CPU of this process and its threads for 100 ms of both voices, by the system's "
                "accounting; bookings are measured alone; late: a beat, at most."
            )
        ],
        ratios=f"recording and metering: {added:.0f} µs of CPU a frame",
    )
