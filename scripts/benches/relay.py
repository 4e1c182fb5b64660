"""CPU and added latency of a relayed frame of 100 ms, beside a relay that does nothing else."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import orjson
from benches.frames import (
    QUICK_SECONDS,
    QUICK_SESSIONS,
    SECONDS,
    SESSIONS,
    Measured,
    add_options,
    load,
)
from benches.report import Report
from benches.stage import Child, Stage, child, stage

__all__ = ["add_options", "run"]

_HERE = Path(__file__).parent
_SCRIPTS = str(_HERE.parent)


@dataclass(frozen=True, slots=True)
class Scale:
    """How hard each server is driven."""

    sessions: int
    seconds: float


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
            whole = await _whole(scene, upstream, scale)
    return _report(alone, bare, whole)


async def _bare(scene: Stage, upstream: Child, scale: Scale) -> Measured:
    measured = Measured("bare aiohttp relay", scale.sessions)
    command = (*_script("bare_relay"), f"{upstream.url}/v1/realtime")
    async with child(command, _environment(), scene.folder / "bare.log") as server:
        await load(scene, server, measured, scale.seconds)
    return measured


async def _whole(scene: Stage, upstream: Child, scale: Scale) -> Measured:
    """Everything on: policy, recording to Spaces, transcript, metering, settlement."""
    measured = Measured("VoiceHub, upstream engine", scale.sessions)
    url = f"{upstream.url.replace('http', 'ws', 1)}/v1/realtime"
    engines = orjson.dumps({"bench": {"url": url}}).decode()
    async with scene.voicehub(VOICEHUB_ENGINE="bench", VOICEHUB_ENGINES=engines) as server:
        await load(scene, server, measured, scale.seconds)
    return measured


def _script(name: str) -> tuple[str, ...]:
    return (str(_HERE / f"{name}.py"),)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": _SCRIPTS}


def _report(alone: Measured, bare: Measured, whole: Measured) -> Report:
    return Report(
        "Frames of 100 ms, to a realtime API that echoes them and back",
        (
            *("server", "sessions", "frames", "µs/frame", "of a core"),
            *("p50 ms", "p95 ms", "p99 ms", "KiB/silent", "KiB/talking"),
            *("+p50", "+p95", "+p99"),
        ),
        rows=[[*each.row(), *_added_ms(each, alone)] for each in (alone, bare, whole)],
        notes=[
            (
                "CPU of the server's process and its threads, by the system's accounting; p50 to "
                "p99: from sending a frame to its return, and by how much that is more than "
                "without a server between; KiB: resident memory a session."
            )
        ],
        ratios=f"CPU a frame: {whole.frame_us / bare.frame_us:.2f} times the bare relay",
    )


def _added_ms(measured: Measured, alone: Measured) -> list[str]:
    return [
        f"{measured.count.percentile_ms(percent) - alone.count.percentile_ms(percent):+.2f}"
        for percent in (50, 95, 99)
    ]
