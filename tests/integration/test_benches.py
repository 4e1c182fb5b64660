import pytest

from tests.scripts import run_script

RUN_S_MAX = 180.0


async def bench(*arguments):
    """The exit code of `scripts/bench`, and what it printed."""
    return await run_script("bench", *arguments, within_s=RUN_S_MAX)


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
        ("rest", ("GET sessions?q=", "POST sessions", "asked alone"), "requests a second: "),
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
