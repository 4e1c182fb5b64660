import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from voicehub.devserver import STORE_VARIABLES

DEMO = Path(__file__).resolve().parents[2] / "scripts/demo.py"
DEMO_S_MAX = 240


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="voicehub-demo-"))
    made.chmod(0o711)  # root's Postgres runs as somebody else, who must pass through
    yield made
    shutil.rmtree(made)


async def test_the_demo_holds_what_it_promises(folder):
    """A spoken conversation of four turns in real time, with barge-in, and its own six checks."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(DEMO), "--folder", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if name not in STORE_VARIABLES},
    )
    try:
        async with asyncio.timeout(DEMO_S_MAX):
            printed, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGINT)  # it stops its servers
            await child.wait()
    shown = printed.decode()
    assert child.returncode == 0, shown
    assert "All is as promised." in shown
    assert re.search(r"/#/sign-in\?email=demo%40voicehub\.local&password=\S+", shown)
    assert "completed (client_close)" in shown
