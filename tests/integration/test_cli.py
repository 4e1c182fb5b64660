import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("flush-usage", "settled 0 sessions\n"),
        ("sweep", "ended 0 lost sessions\n"),
        ("close-recordings", "closed 0 recordings\n"),
        ("turn-periods", "turned 0 billing periods\n"),
        ("abort-uploads", "aborted 0 uploads\n"),
        ("apply-retention", "removed 0 recordings and transcripts\n"),
    ],
)
def test_every_job_runs_once_from_the_command_line(store_environment, tmp_path, command, said):
    done = subprocess.run(
        [sys.executable, "-m", "voicehub", command],
        env={
            **store_environment,
            "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
            "VOICEHUB_SPOOL": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, said), done.stderr
