import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from voicehub.auth.tokens import Tokens


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


def test_a_service_token_is_printed_and_administers(store_environment):
    keys = "k1:" + "s" * 40

    def token(*options):
        return subprocess.run(
            [sys.executable, "-m", "voicehub", "token", *options],
            env={**store_environment, "VOICEHUB_JWT_KEYS": keys},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    printed = token("--service", "nightly-report", "--days", "2")
    assert printed.returncode == 0, printed.stderr
    verifier = Tokens([keys], access_token_s=60, client_secret_s=60)
    principal = verifier.verify(printed.stdout.strip(), datetime.now(UTC) + timedelta(days=1.9))
    assert (principal.actor, principal.is_admin) == ("service:nightly-report", True)
    for options in ((), ("ada@one.example", "--service", "x"), ("--service", "No Name")):
        refused = token(*options)
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr


def run_check(store_environment, tmp_path, *options):
    return subprocess.run(
        [sys.executable, "-m", "voicehub", "check", *options],
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


async def test_check_says_what_is_broken_and_how_to_mend_it(store_environment, tmp_path, pg):
    done = run_check(store_environment, tmp_path)
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "Nothing is broken"), done.stderr
    async with pg.connection() as conn:
        await conn.execute(
            "INSERT INTO users (team_id, email, display_name, settings) VALUES (5, 'e', 'd', '{}')"
        )
    done = run_check(store_environment, tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "1 users whose team is gone: 1",
        "    Insert the team again with that id, or delete these rows.",
    ]
    done = run_check(store_environment, tmp_path, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["faults"][0]["ids"] == [1]
