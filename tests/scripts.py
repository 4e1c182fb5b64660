"""A script of ours, run as its user runs it."""

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


async def run_script(name: str, *arguments: str, within_s: float) -> tuple[int | None, str]:
    """The exit code of `scripts/<name>.py`, and what it printed. Raises TimeoutError."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / f"scripts/{name}.py"), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(child.communicate(), within_s)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode, printed.decode()
