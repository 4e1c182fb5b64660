import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN_S_MAX = 240.0


async def soak(*arguments):
    """The exit code of `scripts/soak`, and what it printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "scripts/soak.py"), *arguments),
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


async def test_sessions_that_open_and_close_leave_nothing_behind():
    code, printed = await soak("--minutes", "0.3", "--sessions", "40")
    assert code == 0, printed
    *_, last_line = printed.rstrip().splitlines()
    assert last_line.startswith("left behind by ")
    assert " +0 tasks" in last_line
    for end in ("cut", "hung up", "ended by the server"):
        assert end in printed
