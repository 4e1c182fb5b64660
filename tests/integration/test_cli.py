import subprocess
import sys


def test_usage_is_flushed_from_the_command_line(store_environment):
    done = subprocess.run(
        [sys.executable, "-m", "voicehub", "flush-usage"],
        env={**store_environment, "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "settled 0 sessions\n"), done.stderr
