"""`voicehub doctor` as a command."""

import asyncio
import os
import sys

import orjson
import pytest


@pytest.fixture
def environment(store_environment, tmp_path):
    return {
        **store_environment,
        "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_SPOOL": str(tmp_path / "spool"),
    }


async def examined(environment, *options):
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicehub", "doctor", *options),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    shown, _ = await asyncio.wait_for(child.communicate(), 60)
    return child.returncode, shown.decode()


async def test_what_is_well_is_a_line_each(environment):
    code, shown = await examined(environment)
    lines = shown.splitlines()
    failed = [line for line in lines if not line.startswith(("ok", "warning"))]
    # Beside the echo engine of load tests the offline one is not loaded.
    assert [line.partition(":")[0].split() for line in failed] == [["failed", "Engine", "local"]]
    assert code == 1
    assert "ok      Postgres: connected" in shown


async def test_what_is_not_well_is_told_to_machines_without_secrets(environment):
    broken = {**environment, "REDIS_URL": "redis://:wr0ng@127.0.0.1:9", "SPACES_SECRET": "wr0ng"}
    code, shown = await examined(broken, "--json")
    assert code == 1
    found = {each["subject"]: each for each in orjson.loads(shown)}
    assert found["Redis"]["state"] == "failed"
    assert found["Spaces"]["state"] == "failed"
    assert found["Postgres"]["state"] == "ok"
    assert found["Redis"]["advice"]
    assert "wr0ng" not in shown
