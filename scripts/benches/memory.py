"""Memory of an hour-long session, through the same core and sinks, faster than real time."""

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import soundfile
from benches.rehearsal import Rehearsal
from benches.report import Bound, Report
from benches.stage import AGENT, rss_bytes, stage

from voicehub.live.socket import new_id
from voicehub.realtime.frame import to_json
from voicehub.session import commands, events
from voicehub.session.commands import Command
from voicehub.session.events import Event
from voicehub.session.session import Session
from voicehub.session.spec import DEFAULT_SESSION, Limits, SessionSpec
from voicehub.session.state import EndedReason
from voicehub.sinks.meter import MeterSink
from voicehub.sinks.recorder import Recorder
from voicehub.sinks.summary import RecordingSummary, recording_stem
from voicehub.sinks.transcript import TranscriptSink
from voicehub.storage import sessions
from voicehub.storage.ownership import Owned
from voicehub.storage.postgres import Postgres
from voicehub.storage.redis import Redis
from voicehub.storage.spaces import GET_BYTES_MAX, Spaces

MINUTE_MS = 60_000
MINUTES, QUICK_MINUTES = 60, 6
GROWTH_BYTES_MAX = 10 << 20
# The recorder's own bound is for a disk that hangs; who drives faster than real time waits for it.
DRAIN_EVERY_MS = 5_000
# How far the recording's length may be from the session's.
LENGTH_S_MAX = 0.1
DECODE_SAMPLES = 1 << 20
START_MS = 1_000.0
MIB = 1 << 20


@dataclass(slots=True)
class Reading:
    """What the system counted once a minute had passed."""

    minute: int
    rss_bytes: int
    wall_s: float
    sent_bytes: int

    def row(self, first: "Reading") -> list[str]:
        grown = self.rss_bytes - first.rss_bytes
        return [
            f"after {self.minute} min",
            f"{self.rss_bytes / MIB:.1f}",
            f"{grown / MIB:+.1f}",
            f"{self.wall_s:.1f}",
            f"{self.sent_bytes / MIB:.1f}",
        ]


class Player:
    """Feeds the core, and carries out what it asks at once, as the driver does in its queues."""

    def __init__(self, core: Session, *, transcript: TranscriptSink, meter: MeterSink) -> None:
        self.finished: commands.Finish | None = None
        self.sent_bytes = 0
        self.blocks: list[commands.Record] = []
        self._core = core
        self._transcript = transcript
        self._meter = meter
        self._deeds: dict[type[Command], Callable[[Any, float], Any]] = {
            commands.ToClient: self._to_client,
            commands.KeepLine: self._keep,
            commands.Book: self._book,
        }

    async def feed(self, event: Event, now_ms: float) -> None:
        """`event` at `now_ms`, after whatever was due before it."""
        while (due_ms := self._core.deadline_ms()) is not None and due_ms <= now_ms:
            await self._apply(events.Woke(), due_ms)
        await self._apply(event, now_ms)

    async def _apply(self, event: Event, now_ms: float) -> None:
        for command in self._core.handle(event, now_ms):
            if isinstance(command, commands.Record):
                self.blocks.append(command)
            elif isinstance(command, commands.Finish):
                self.finished = command
            elif deed := self._deeds.get(type(command)):
                await deed(command, now_ms)

    async def _to_client(self, command: commands.ToClient, _now_ms: float) -> None:
        self.sent_bytes += len(to_json(command.frame))

    async def _keep(self, command: commands.KeepLine, _now_ms: float) -> None:
        await self._transcript.keep(command.sequence, command.line)

    async def _book(self, command: commands.Book, now_ms: float) -> None:
        left = await self._meter.book(command)
        if left is not None:
            await self._apply(
                events.QuotaRead(command.sequence, left.audio_left, left.text_left), now_ms
            )


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--minutes", type=int, help=f"of the session; {MINUTES} by default")


async def run(options: argparse.Namespace) -> Report:
    minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    async with (
        stage() as scene,
        Redis.connect(scene.stack.redis_url) as redis,
        scene.postgres() as postgres,
        scene.recordings() as (spaces, spool),
    ):
        owned = await scene.own_session(postgres, redis)
        recorder = Recorder(
            spaces=spaces,
            spool=spool,
            key_stem=recording_stem(owned.team_id, owned.session_id, owned.token),
        )
        transcript = TranscriptSink(redis=redis, postgres=postgres, owned=owned)
        meter = MeterSink(redis=redis, postgres=postgres, owned=owned)
        core = Session(_spec(owned), new_id, START_MS)
        player = Player(core, transcript=transcript, meter=meter)
        await recorder.open()
        transcript.start()
        readings = await _play(player, recorder, meter, minutes)
        await transcript.finish()
        await meter.settle(finished=True)
        summary = await recorder.finish()
        decoded_s = await _decoded_s(spaces, summary)
        lines = await _lines(postgres, owned)
    return _report(readings, summary, decoded_s, lines)


async def _play(
    player: Player, recorder: Recorder, meter: MeterSink, minutes: int
) -> list[Reading]:
    """The whole session; memory is read each minute, with the session open."""
    began_s = time.perf_counter()
    readings: list[Reading] = []
    await player.feed(events.Opened(DEFAULT_SESSION, time.time() * 1000), START_MS)
    drain_at_ms = DRAIN_EVERY_MS
    for at_ms, event in Rehearsal(minutes * MINUTE_MS).events():
        await player.feed(event, START_MS + at_ms)
        if at_ms >= drain_at_ms:
            drain_at_ms += DRAIN_EVERY_MS
            await _record(player, recorder)
        if at_ms >= (len(readings) + 1) * MINUTE_MS:
            await meter.settle()
            rss = trimmed_rss_bytes()
            wall_s = time.perf_counter() - began_s
            readings.append(Reading(len(readings) + 1, rss, wall_s, player.sent_bytes))
    await player.feed(events.ClientLeft(clean=True), START_MS + minutes * MINUTE_MS)
    await _record(player, recorder)
    assert player.finished is not None
    assert player.finished.reason is EndedReason.CLIENT_CLOSE
    assert len(readings) == minutes
    return readings


async def _record(player: Player, recorder: Recorder) -> None:
    blocks, player.blocks = player.blocks, []
    for record in blocks:
        recorder.write(record.block)
    await recorder.drained()


def _spec(owned: Owned) -> SessionSpec:
    return SessionSpec(
        session_id=owned.session_id,
        team_id=owned.team_id,
        agent_id=1,
        agent_name=AGENT,
        model=AGENT,
        limits=Limits(duration_ms=2 * 3_600_000),
    )


def trimmed_rss_bytes() -> int:
    """Resident memory without what the allocator keeps back: freed memory is no growth."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return rss_bytes(os.getpid())


async def _decoded_s(spaces: Spaces, summary: RecordingSummary) -> float:
    """The length of the stored object by decoding it to its end: a header may claim anything."""
    with tempfile.TemporaryFile() as file:
        for start in range(0, summary.bytes, GET_BYTES_MAX):
            end = min(summary.bytes, start + GET_BYTES_MAX)
            file.write(await spaces.get(summary.key, (start, end)))
        file.seek(0)
        samples = 0
        with soundfile.SoundFile(file) as recording:
            while block := len(recording.read(DECODE_SAMPLES, dtype="int16")):
                samples += block
            return samples / float(recording.samplerate)


async def _lines(postgres: Postgres, owned: Owned) -> int:
    async with postgres.connection() as conn:
        row = await sessions.get(conn, owned.team_id, owned.session_id)
    assert row is not None
    return len(row.data["transcript"])


def _report(
    readings: list[Reading],
    summary: RecordingSummary,
    decoded_s: float,
    lines: int,
) -> Report:
    first, last = readings[0], readings[-1]
    grown = last.rss_bytes - first.rss_bytes
    most = max(reading.rss_bytes for reading in readings) - first.rss_bytes
    every = max(1, len(readings) // 6)
    shown = [*readings[::every], *([last] if (len(readings) - 1) % every else [])]
    session_s = last.minute * 60.0
    return Report(
        f"A session of {last.minute} minutes",
        ("", "RSS MiB", "grown MiB", "wall s", "sent MiB"),
        rows=[reading.row(first) for reading in shown],
        notes=[
            (
                "RSS with the session open, after gc.collect and malloc_trim; sent: to the client, "
                "as JSON."
            ),
            (
                f"Recording: {summary.state}, {summary.seconds:.1f} s, {summary.bytes:,} bytes of "
                f"{summary.format} in {summary.parts} parts; decoded {decoded_s:.1f} s; "
                f"{lines} lines in the transcript."
            ),
        ],
        bounds=[
            Bound(
                f"memory grew by {grown / MIB:.1f} MiB from the first minute to the last "
                f"(at most {GROWTH_BYTES_MAX / MIB:.0f}), and never by more than {most / MIB:.1f}",
                grown < GROWTH_BYTES_MAX,
            ),
            Bound(
                f"the recording decodes to {decoded_s:.1f} s of {session_s:.0f}",
                abs(decoded_s - session_s) <= LENGTH_S_MAX,
            ),
        ],
        ratios=(
            f"memory after the last minute: {last.rss_bytes / first.rss_bytes:.3f} times the first;"
            f" {session_s / last.wall_s:.0f} times as fast as real time"
        ),
    )
