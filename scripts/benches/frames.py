"""CPU of the whole server for a relayed frame of 100 ms, beside a bare aiohttp echo."""

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from benches.load import Count, Crowd, Target
from benches.report import Report
from benches.stage import Child, Stage, child, cpu_s, rss_bytes, stage

SESSIONS, SECONDS = 50, 20.0
QUICK_SESSIONS, QUICK_SECONDS = 10, 4.0
WARM_UP_S = 2.0
MICROSECONDS = 1_000_000
KIB = 1024
_DELTA = b'{"type":"response.output_audio.delta"'


@dataclass(slots=True)
class Measured:
    """One server under the load."""

    name: str
    sessions: int
    count: Count = field(default_factory=Count)
    seconds: float = 0.0
    cpu_s: float = 0.0
    stores_cpu_s: dict[str, float] = field(default_factory=dict)
    rss_bytes: tuple[int, int, int] = (0, 0, 0)
    """Before the sessions, with all of them silent, after they have talked."""

    @property
    def frame_us(self) -> float:
        return self.cpu_s / self.count.frames * MICROSECONDS

    def session_kib(self, moment: int) -> float:
        return (self.rss_bytes[moment] - self.rss_bytes[0]) / self.sessions / KIB

    def row(self) -> list[str]:
        return [
            self.name,
            str(self.sessions),
            str(self.count.frames),
            f"{self.frame_us:.0f}",
            f"{self.cpu_s / self.seconds:.1%}",
            *(f"{self.count.percentile_ms(percent):.2f}" for percent in (50, 95, 99)),
            *(f"{self.session_kib(moment):.0f}" for moment in (1, 2)),
        ]


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--sessions", type=int, help=f"at once; {SESSIONS} by default")
    command.add_argument("--seconds", type=float, help=f"that are measured; {SECONDS} by default")


async def run(options: argparse.Namespace) -> Report:
    sessions = options.sessions or (QUICK_SESSIONS if options.quick else SESSIONS)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    async with stage() as scene:
        bare = await _bare(scene, sessions, seconds)
        whole = await _whole(scene, sessions, seconds)
    return _report(bare, whole)


async def _bare(scene: Stage, sessions: int, seconds: float) -> Measured:
    measured = Measured("bare aiohttp echo", sessions)
    command = (str(Path(__file__).with_name("bare_echo.py")),)
    async with child(command, dict(os.environ), scene.folder / "bare.log") as server:
        await load(scene, server, measured, seconds, speaks=False)
    return measured


async def _whole(scene: Stage, sessions: int, seconds: float) -> Measured:
    """Everything on: policy, recording to Spaces, transcript, metering, settlement."""
    measured = Measured("VoiceHub, echo engine", sessions)
    async with scene.voicehub(VOICEHUB_ENGINE="echo") as server:
        await load(scene, server, measured, seconds)
    return measured


async def load(
    scene: Stage,
    server: Child,
    measured: Measured,
    seconds: float,
    *,
    speaks: bool = True,
    extended: bool = False,
) -> None:
    """Measure `server`; `speaks`: it greets, and has other events than audio; `extended`: its
    clients ask for voicehub.v1.
    """
    target = Target(
        url=f"{server.url}/v1/realtime",
        token=scene.token,
        greets=speaks,
        is_audio=_is_delta if speaks else _is_anything,
        extended=extended,
    )
    moments: list[dict[str, float]] = []
    pids = scene.store_pids()

    def measure() -> None:
        moments.append(
            {"server": cpu_s(server.pid)}
            | {name: cpu_s(pid, family=True) for name, pid in pids.items()}
        )

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        async with Crowd(http, target, 1):
            pass  # what a server makes ready at its first session belongs to no session
        before = rss_bytes(server.pid)
        async with Crowd(http, target, measured.sessions) as crowd:
            silent = rss_bytes(server.pid)
            measured.count = await crowd.talk(seconds, WARM_UP_S, measure)
            measured.rss_bytes = (before, silent, rss_bytes(server.pid))
    began, ended = moments
    measured.seconds = seconds
    measured.cpu_s = ended["server"] - began["server"]
    measured.stores_cpu_s = {name: ended[name] - began[name] for name in pids}


def _is_delta(message: bytes) -> bool:
    return message.startswith(_DELTA)


def _is_anything(message: bytes) -> bool:
    return bool(message)


def _report(bare: Measured, whole: Measured) -> Report:
    stores = ", ".join(
        f"{name} {seconds / whole.count.frames * MICROSECONDS:.0f} µs"
        for name, seconds in whole.stores_cpu_s.items()
    )
    return Report(
        "Frames of 100 ms, there and back",
        (
            *("server", "sessions", "frames", "µs/frame", "of a core"),
            *("p50 ms", "p95 ms", "p99 ms", "KiB/silent", "KiB/talking"),
        ),
        rows=[bare.row(), whole.row()],
        notes=[
            (
                "CPU of the server's process and its threads, by the system's accounting; p50 to "
                "p99: from sending a frame to its return; KiB: resident memory a session."
            ),
            f"The stores' own processes, a frame of VoiceHub's: {stores}.",
        ],
        ratios=f"CPU a frame: {whole.frame_us / bare.frame_us:.2f} times the bare echo",
    )
