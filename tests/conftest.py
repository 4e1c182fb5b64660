"""Fixtures of every test: the embedded stack, stores of one's own, and no task left behind."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from voicehub.devstack import Stack
from voicehub.storage.migrations import migrate
from voicehub.storage.postgres import Postgres

TEMPLATE = "voicehub_template"
TURNS_TO_END = 10  # of the loop, for tasks that were cancelled or are done and only have to return
_number = count(1)


@pytest.fixture(autouse=True)
async def no_leaked_task() -> AsyncIterator[None]:
    """A task that outlives its test has no owner."""
    before = asyncio.all_tasks()
    yield
    for _ in range(TURNS_TO_END):
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0)
    pytest.fail("leaked tasks: " + ", ".join(sorted(repr(task) for task in left)))


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[Stack]:
    """Postgres, Redis and an S3 server for the whole run."""
    with _open_folder() as folder:
        async with Stack(folder) as running:
            yield running


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter, for servers; pytest closes its own to others."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
async def template_database(stack: Stack) -> str:
    """The name of a migrated, empty database, to be copied and never connected to."""
    await _administer(stack, f"CREATE DATABASE {TEMPLATE}")
    await migrate(stack.postgres.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def empty_database_url(stack: Stack) -> AsyncIterator[str]:
    """A database without any table."""
    async for url in _database(stack, "template1"):
        yield url


@pytest.fixture
async def database_url(stack: Stack, template_database: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    async for url in _database(stack, template_database):
        yield url


@pytest.fixture
async def pg(database_url: str) -> AsyncIterator[Postgres]:
    postgres = await Postgres.connect(database_url)
    yield postgres
    await postgres.close()


@pytest.fixture
async def redis_url(stack: Stack) -> str:
    """Redis, emptied."""
    async with Redis.from_url(stack.redis_url) as client:
        await client.flushall()
    return stack.redis_url


@pytest.fixture
def bucket_settings(stack: Stack) -> dict[str, str]:
    """The SPACES_* variables, with a fresh bucket."""
    bucket = f"bucket-{next(_number)}"
    stack.spaces.make_bucket(bucket)
    named = {key: value for key, value in stack.environment().items() if key.startswith("SPACES_")}
    return {**named, "SPACES_BUCKET": bucket}


@pytest.fixture
def store_environment(
    database_url: str, redis_url: str, bucket_settings: dict[str, str]
) -> dict[str, str]:
    """DATABASE_URL, REDIS_URL and SPACES_*, each with a store of the test's own."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **bucket_settings}


@contextmanager
def _open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="voicehub-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def _database(stack: Stack, template: str) -> AsyncIterator[str]:
    name = f"test_{next(_number)}"
    await _administer(stack, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield stack.postgres.url(name)
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(stack: Stack, statement: str) -> None:
    conn = await asyncpg.connect(stack.postgres.url("postgres"))
    try:
        await conn.execute(statement)
    finally:
        await conn.close()
