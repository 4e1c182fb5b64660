import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from voicehub.client.api import Api
from voicehub.devserver import STORE_VARIABLES

START_S_MAX = 90


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="voicehub-dev-"))
    made.chmod(0o711)  # root's Postgres runs as somebody else, who must pass through
    yield made
    shutil.rmtree(made)


@asynccontextmanager
async def dev(folder, *options):
    """`voicehub dev`, until it is ready: its address and what it printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicehub", "dev", "--folder", str(folder), "--port", "0"),
        *options,
        stdout=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name not in STORE_VARIABLES},
    )
    printed = ""
    try:
        async with asyncio.timeout(START_S_MAX):
            while line := (await child.stdout.readline()).decode():
                printed += line
                if "Talk to it" in line:
                    break
        url = re.search(r"ready on (\S+) after", printed)[1]
        yield url, printed
    finally:
        child.send_signal(signal.SIGTERM)
        await child.stdout.read()
        code = await child.wait()
    assert code == 0


def passwords(printed):
    return dict(re.findall(r"(user|admin): \S+ +password: (\S+)", printed))


def signed_in_by(printed):
    """Whom the printed link signs in, as the console reads it."""
    link = urlsplit(re.search(r"In the browser: (\S+)", printed)[1])
    assert link.fragment.startswith("/sign-in?")
    proof = parse_qs(link.fragment.partition("?")[2], strict_parsing=True)
    return proof["email"][0], proof["password"][0]


async def test_a_first_start_can_be_signed_in_to_and_a_second_keeps_everything(folder):
    async with dev(folder) as (url, printed), aiohttp.ClientSession() as http:
        first = passwords(printed)
        for step in ("Postgres", "Redis", "Spaces", "schema", "accounts", "server"):
            assert re.search(rf"{step}.* \d+\.\d\d s", printed), step
        assert signed_in_by(printed) == ("demo@voicehub.local", first["user"])
        api = Api(http, url)
        await api.login("demo@voicehub.local", first["user"])
        created = await api.open_session("Ava")
    assert (folder / "sign-in.json").stat().st_mode & 0o077 == 0
    async with dev(folder) as (url, printed), aiohttp.ClientSession() as http:
        assert passwords(printed) == first
        api = Api(http, url)
        admin = await api.login("admin@voicehub.local", first["admin"])
        assert admin["is_admin"]
        assert (await api.session(created["id"]))["status"] == "created"
    async with dev(folder, "--reset-passwords") as (url, printed), aiohttp.ClientSession() as http:
        renewed = passwords(printed)
        assert renewed["user"] != first["user"]
        await Api(http, url).login("demo@voicehub.local", renewed["user"])


async def test_half_a_set_of_stores_is_refused(folder):
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicehub", "dev", "--folder", str(folder)),
        env={**os.environ, "REDIS_URL": "redis://127.0.0.1:1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _said, failed = await child.communicate()
    assert child.returncode == 1
    assert b"REDIS_URL are set, but not DATABASE_URL" in failed
    assert b"Traceback" not in failed
