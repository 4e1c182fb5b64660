"""Schemathesis against the real server: whatever it sends, the answer is one that is documented.

By hand, longer and from a seed of one's own:
    VOICEHUB_CONTRACT_EXAMPLES=200 VOICEHUB_CONTRACT_SEED=7 pytest -n 0 -s THIS_FILE
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests import urls
from voicehub.app import create_app
from voicehub.auth.passwords import hash_password
from voicehub.keys import POSTGRES, TOKENS
from voicehub.settings import Settings
from voicehub.storage import seed, users

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# A run that takes longer has hung; in CI each takes some 20 s.
RUN_S_MAX = float(os.environ.get("VOICEHUB_CONTRACT_S_MAX", "150"))
EXAMPLES = os.environ.get("VOICEHUB_CONTRACT_EXAMPLES", "4")
SEED = os.environ.get("VOICEHUB_CONTRACT_SEED")
OPEN = "^/(healthz|readyz|docs|v1/openapi.json|v1/auth)"
ADMINS = "^/v1/(teams|admin|plans)"

# What each is sent to: what anybody else gets there is asked route by route in test_access.py.
RUNS = {
    "nobody": ["--phases=examples,coverage,fuzzing", "--include-path-regex", OPEN],
    "user": ["--phases=examples,coverage,fuzzing", "--exclude-path-regex", f"{ADMINS}|{OPEN}"],
    # Links are walked by who may follow all of them.
    "admin": ["--phases=examples,coverage,fuzzing,stateful", "--include-path-regex", ADMINS],
}


@pytest.fixture
async def server(store_environment, tmp_path):
    """The whole app, with the demo's team, user and agents, and rows to find."""
    settings = Settings(
        **store_environment,
        VOICEHUB_JWT_KEYS="k1:" + "s" * 40,
        VOICEHUB_ADMIN_EMAILS=seed.ADMIN_EMAIL,
        VOICEHUB_ENGINE="echo",
        VOICEHUB_SPOOL=tmp_path / "spool",
        VOICEHUB_SESSIONS_PER_USER=100_000,
        VOICEHUB_SESSIONS_PER_TEAM=100_000,
    )
    async with TestClient(TestServer(create_app(settings))) as client:
        async with client.app[POSTGRES].transaction() as conn:
            await seed.seed(conn, hash_password=hash_password, user_password="correct horse")
        yield client


@pytest.mark.parametrize("who", RUNS)
async def test_whatever_is_sent_the_answer_is_documented(server, tmp_path, who):
    arguments, rows = [*RUNS[who], f"--max-examples={EXAMPLES}"], ""
    if who != "nobody":
        site = Site(server, who)
        arguments += ["--header", f"Authorization: Bearer {await site.token()}"]
        rows = await site.rows()
    if SEED is not None:
        arguments += [f"--seed={SEED}"]
    code, printed = await run_schemathesis(server, tmp_path, arguments, rows)
    assert code == 0, printed
    assert "passed" in printed, printed


class Site:
    """What `urls.make` asks of a site."""

    def __init__(self, client, who):
        self._pg = client.app[POSTGRES]
        self._tokens = client.app[TOKENS]
        self._email = {"admin": seed.ADMIN_EMAIL, "user": seed.USER_EMAIL}[who]
        self.users = {}

    async def run(self, sql, *arguments):
        async with self._pg.connection() as conn:
            return await conn.fetchval(sql, *arguments)

    async def token(self):
        async with self._pg.connection() as conn:
            (user,) = await users.by_email(conn, self._email, None)
        self.users["own"] = user.id
        return self._tokens.issue_access(user)[0]

    async def rows(self):
        """Lines for the configuration: for most ids in a path, one that is there."""
        names = {name for route in urls.ROUTES for name in urls.parameters(route)}
        made = await urls.make_all(self, sorted(names), "own")
        bound = (f'"path.{name}" = {{ dictionary = "{name}", probability = 0.8 }}' for name in made)
        values = (f"[dictionaries.{name}]\nvalues = [{value!r}]" for name, value in made.items())
        return "\n".join([*values, "[parameters]", *bound])


async def run_schemathesis(server, folder, arguments, rows):
    """Its exit code, and all that it printed: on a failure, how to repeat it."""
    text = CONFIGURATION.read_text()
    if SEED is not None:
        text = text.replace("deterministic = true", "deterministic = false")
    (folder / "schemathesis.toml").write_text(text.replace("[parameters]", rows) if rows else text)
    child = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "--config-file", "schemathesis.toml"),
        *("run", str(server.make_url("/v1/openapi.json")), "--no-color", *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(child.communicate(), RUN_S_MAX)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    print(printed.decode())  # noqa: T201 - the longer run by hand is read
    return child.returncode, printed.decode()
