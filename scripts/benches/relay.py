"""CPU and added latency of a relayed frame of 100 ms, beside a relay that does nothing else."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import orjson
from benches.frames import (
    MICROSECONDS,
    QUICK_SECONDS,
    QUICK_SESSIONS,
    SECONDS,
    Measured,
    load,
)
from benches.report import Report
from benches.stage import Child, Stage, child, stage

SESSIONS = 200
_HERE = Path(__file__).parent
_SCRIPTS = str(_HERE.parent)


@dataclass(frozen=True, slots=True)
class Scale:
    """How hard each server is driven."""

    sessions: int
    seconds: float


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--sessions", type=int, help=f"at once; {SESSIONS} by default")
    command.add_argument("--seconds", type=float, help=f"that are measured; {SECONDS} by default")


async def run(options: argparse.Namespace) -> Report:
    scale = Scale(
        options.sessions or (QUICK_SESSIONS if options.quick else SESSIONS),
        options.seconds or (QUICK_SECONDS if options.quick else SECONDS),
    )
    async with stage() as scene:
        upstream_log = scene.folder / "upstream.log"
        async with child(_script("upstream_echo"), _environment(), upstream_log) as upstream:
            alone = Measured("upstream alone", scale.sessions)
            await load(scene, upstream, alone, scale.seconds)
            bare = await _bare(scene, upstream, scale)
            whole = await _whole(scene, upstream, scale, "VoiceHub", extended=False)
            binary = await _whole(scene, upstream, scale, "VoiceHub, voicehub.v1", extended=True)
    return _report(alone, bare, whole, binary)


async def _bare(scene: Stage, upstream: Child, scale: Scale) -> Measured:
    measured = Measured("bare aiohttp relay", scale.sessions)
    command = (*_script("bare_relay"), f"{upstream.url}/v1/realtime")
    async with child(command, _environment(), scene.folder / "bare.log") as server:
        await load(scene, server, measured, scale.seconds)
    return measured


async def _whole(
    scene: Stage, upstream: Child, scale: Scale, name: str, *, extended: bool
) -> Measured:
    """Everything on: policy, recording to Spaces, transcript, metering, settlement."""
    measured = Measured(name, scale.sessions)
    url = f"{upstream.url.replace('http', 'ws', 1)}/v1/realtime"
    engines = orjson.dumps({"bench": {"url": url}}).decode()
    async with scene.voicehub(VOICEHUB_ENGINE="bench", VOICEHUB_ENGINES=engines) as server:
        await load(scene, server, measured, scale.seconds, extended=extended)
    return measured


def _script(name: str) -> tuple[str, ...]:
    return (str(_HERE / f"{name}.py"),)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": _SCRIPTS}


def _report(alone: Measured, bare: Measured, whole: Measured, binary: Measured) -> Report:
    stores = ", ".join(
        f"{name} {seconds / whole.count.frames * MICROSECONDS:.0f} µs"
        for name, seconds in whole.stores_cpu_s.items()
    )
    return Report(
        "Frames of 100 ms, to a realtime API that echoes them and back",
        (
            *("server", "sessions", "frames", "µs/frame", "of a core"),
            *("p50 ms", "p95 ms", "p99 ms", "KiB/silent", "KiB/talking"),
            *("+p50", "+p95", "+p99", "ratio"),
        ),
        rows=[
            [*each.row(), *_added_ms(each, alone), f"{each.frame_us / bare.frame_us:.2f}"]
            for each in (alone, bare, whole, binary)
        ],
        notes=[
            (
                "CPU of the server's process and its threads, by the system's accounting; p50 to "
                "p99: from sending a frame to its return, and by how much that is more than "
                "without a server between; KiB: resident memory a session; voicehub.v1: binary "
                "audio on the client's side."
            ),
            f"The stores' own processes, a frame of VoiceHub's: {stores}.",
        ],
        ratios=(
            f"CPU a frame: {whole.frame_us / bare.frame_us:.2f} times the bare relay, "
            f"{binary.frame_us / bare.frame_us:.2f} times with voicehub.v1"
        ),
    )


def _added_ms(measured: Measured, alone: Measured) -> list[str]:
    return [
        f"{measured.count.percentile_ms(percent) - alone.count.percentile_ms(percent):+.2f}"
        for percent in (50, 95, 99)
    ]
