"""voicehub/devstack/launcher.py"""

import os
import signal
import subprocess
import sys

from voicehub.devstack import launcher


def launch(parent_pid: int, *command: str) -> subprocess.CompletedProcess[str]:
    identity = [str(number) for number in (parent_pid, int(signal.SIGTERM), -1, -1)]
    return subprocess.run(
        [sys.executable, "-I", "-S", launcher.__file__, *identity, *command],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_becomes_the_command() -> None:
    done = launch(os.getpid(), sys.executable, "-c", "print('here')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


def test_it_starts_nothing_when_its_starter_is_gone() -> None:
    done = launch(os.getpid() + 1, sys.executable, "-c", "print('here')")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "is gone" in done.stderr
