import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN_S_MAX = 180.0


async def bench(*arguments):
    """The exit code of `scripts/bench`, and what it printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "scripts/bench.py"), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(child.communicate(), RUN_S_MAX)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode, printed.decode()


@pytest.mark.parametrize(
    ("name", "shown", "last_line"),
    [
        ("frames", ("bare aiohttp echo", "VoiceHub, echo engine", "Redis"), "times the bare echo"),
        ("relay", ("bare aiohttp relay", "VoiceHub, voicehub.v1"), "times the bare relay"),
        ("recording", ("encoder and spool", "tail objects", "bookings"), "of CPU a frame"),
        (
            "transcript",
            ("lines to 500", "after an hour", "one UPDATE a line, at 1,000"),
            "last to first: ",
        ),
        ("memory", ("after 1 min", "Recording: ready", "decodes to 360.0"), "times the first"),
        ("latency", ("speech to text", "p50", "p95"), "of p50: vad silence"),
    ],
)
async def test_a_benchmark_prints_its_table_and_keeps_its_bounds(name, shown, last_line):
    code, printed = await bench(name, "--quick")
    assert code == 0, printed
    for words in shown:
        assert words in printed
    assert last_line in printed.rstrip().splitlines()[-1]


async def test_a_benchmark_that_nobody_knows_is_refused():
    code, printed = await bench("speed")
    assert code == 2
    assert "invalid choice: 'speed'" in printed
