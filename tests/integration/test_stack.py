"""voicehub/devstack/: the embedded servers over restarts, crashes, accounts and mistakes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aioboto3
import asyncpg
import psutil
import pytest
from botocore.config import Config
from redis.asyncio import Redis

from voicehub.devstack import Stack, StackError, account, binaries
from voicehub.devstack import stack as stack_module
from voicehub.devstack.account import UNPRIVILEGED_NAME, can_execute, unprivileged_account

END_S = 40.0  # for processes to end; longer is a failure

# A supervisor that can be killed: it says what runs, then waits for ever.
SUPERVISOR = """
import asyncio, signal, sys
from pathlib import Path
from voicehub.devstack import Stack
from voicehub.devstack.server import Server

# The tests' own process may ignore it, and what it starts inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

if "--let-live" in sys.argv:
    spawn = Server.spawn
    Server.spawn = lambda self, command, environment, death: spawn(self, command, environment, 0)

async def main():
    on_step = (lambda name, _: print(name, flush=True)) if "--steps" in sys.argv else None
    async with Stack(Path(sys.argv[1]), on_step=on_step) as stack:
        print(*(server.pid for server in stack.servers), stack.database_url, flush=True)
        if "--once" not in sys.argv:
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def folder(open_folder: Path) -> Path:
    return open_folder / "data"


@asynccontextmanager
async def s3_of(stack: Stack) -> AsyncIterator:
    session = aioboto3.Session(stack.spaces_key, stack.spaces_secret)
    config = Config(
        request_checksum_calculation="when_required", response_checksum_validation="when_required"
    )
    async with session.client(
        "s3",
        endpoint_url=stack.spaces_endpoint,
        region_name=stack.spaces_region,
        config=config,
    ) as client:
        yield client


async def run_in_postgres(stack: Stack, statement: str) -> object:
    conn = await asyncpg.connect(stack.database_url)
    try:
        return await conn.fetchval(statement)
    finally:
        await conn.close()


def readable_files(folder: Path) -> list[Path]:
    """Those of the folder that other users may read."""
    return [path for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077]


def names(folder: Path, ending: str) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(ending)]


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def tree(stack: Stack) -> list[psutil.Process]:
    servers = [psutil.Process(server.pid) for server in stack.servers]
    return [*servers, *(child for server in servers for child in server.children(recursive=True))]


async def wait_for_ends(pids: list[int]) -> None:
    """Of processes that need not be children of ours; one that nobody reaped has ended as well."""
    for pid in pids:
        await asyncio.wait_for(asyncio.to_thread(_wait_for_end, pid), END_S)


def _wait_for_end(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            try:
                process.wait(0.1)
            except psutil.TimeoutExpired:
                continue
            return
    except psutil.NoSuchProcess:
        return


async def start_supervisor(folder: Path, *options: str, **identity: object) -> tuple:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(folder), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **identity,
    )
    first = (await child.stdout.readline()).decode().split()
    assert first, (await child.stderr.read()).decode()
    return child, [int(pid) for pid in first[:-1]], first[-1]


async def test_what_is_stored_is_there_after_a_restart(folder: Path) -> None:
    steps: list[str] = []
    async with Stack(folder, on_step=lambda name, _: steps.append(name)) as stack:
        first = stack.environment()
        await run_in_postgres(stack, "CREATE TABLE kept AS SELECT 42 AS number")
        async with Redis.from_url(stack.redis_url) as redis:
            await redis.set("kept", "in Redis")
        async with s3_of(stack) as s3:
            await s3.put_object(Bucket=stack.spaces_bucket, Key="a/kept", Body=b"in Spaces")
            upload = await s3.create_multipart_upload(Bucket=stack.spaces_bucket, Key="a/open")
    assert sorted(steps) == ["Postgres", "Redis", "Spaces (S3)"]
    async with Stack(folder) as stack:
        assert await run_in_postgres(stack, "SELECT number FROM kept") == 42
        async with Redis.from_url(stack.redis_url, decode_responses=True) as redis:
            assert await redis.get("kept") == "in Redis"
        async with s3_of(stack) as s3:
            found = await s3.get_object(Bucket=stack.spaces_bucket, Key="a/kept")
            assert await found["Body"].read() == b"in Spaces"
            parts = await s3.list_parts(
                Bucket=stack.spaces_bucket, Key="a/open", UploadId=upload["UploadId"]
            )
            assert parts["UploadId"] == upload["UploadId"]
        secrets = [name for name in first if name.endswith(("KEY", "SECRET"))]
        assert [stack.environment()[name] for name in secrets] == [first[name] for name in secrets]


async def test_a_clean_stop_leaves_no_process_and_frees_the_folder(folder: Path) -> None:
    async with Stack(folder) as stack:
        pids = [process.pid for process in tree(stack)]
        assert len(pids) > 3
    await wait_for_ends(pids)
    assert not names(folder, ".pid")
    async with Stack(folder):
        pass


async def test_a_second_start_in_the_folder_is_refused(folder: Path) -> None:
    async with Stack(folder) as stack:
        with pytest.raises(StackError, match=f"already runs in .*pid {os.getpid()}"):
            await Stack(folder).__aenter__()
        assert await run_in_postgres(stack, "SELECT 1") == 1


async def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_works(folder: Path) -> None:
    child, pids, _ = await start_supervisor(folder)
    child.kill()
    await child.communicate()
    await wait_for_ends(pids)
    async with Stack(folder) as stack:
        assert await run_in_postgres(stack, "SELECT 1") == 1


async def test_servers_that_outlived_their_supervisor_are_ended_by_the_next_start(
    folder: Path,
) -> None:
    """As on a system that does not end children with their parent."""
    child, pids, _ = await start_supervisor(folder, "--let-live")
    child.kill()
    await child.communicate()
    assert all(psutil.pid_exists(pid) for pid in pids)
    async with Stack(folder) as stack:
        await wait_for_ends(pids)
        assert await run_in_postgres(stack, "SELECT 1") == 1


async def test_it_runs_without_being_root(folder: Path) -> None:
    user = unprivileged_account()
    if user is None:
        identity: dict[str, object] = {}
    elif can_execute(Path(sys.executable), user):
        folder = folder.parent
        account.give(folder, user)
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []}
    else:
        return  # this Python lies where no other user can execute it
    child, pids, _ = await start_supervisor(
        folder, "--once", cwd="/", env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, **identity
    )
    _, errors = await asyncio.wait_for(child.communicate(), END_S)
    assert (child.returncode, errors) == (0, b"")
    await wait_for_ends(pids)


async def test_root_keeps_the_database_elsewhere_when_nobody_cannot_enter_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder.with_name("system")
    closed = folder.with_name("closed")
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(stack_module, "SYSTEM_HOME", home)
    async with Stack(closed / "data") as stack:
        assert await run_in_postgres(stack, "SELECT 1") == 1
        notes = stack.notes
    is_root = os.geteuid() == 0
    assert bool(notes) == is_root
    assert bool(list(home.glob("*/postgres/PG_VERSION"))) == is_root


async def test_programs_that_nobody_can_reach_are_copied_out_and_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "can_execute", lambda _program, _account: False)
    for _ in range(2):
        async with Stack(folder) as stack:
            postgres = only(folder, "postgres-*/**/bin/postgres")
            assert psutil.Process(stack.postgres.pid).exe() == str(postgres)


@pytest.mark.parametrize("name", ["postgres", "redis", "spaces"])
async def test_a_server_that_crashed_comes_back_on_its_port(stack: Stack, name: str) -> None:
    server = getattr(stack, name)
    port, pid = server.port, server.pid
    for end in (server.kill, server.stop):
        await end()
        assert server.pid is None
        assert not await server.answers()
        await server.start()
        assert server.pid not in {None, pid}
        assert server.port == port


async def test_a_failed_start_shows_the_log_and_stops_the_others(folder: Path) -> None:
    async with Stack(folder):
        pass
    only(folder, "redis/**/*.manifest").write_text("nonsense\n")
    with pytest.raises(StackError, match=r"(?s)Redis ended.*redis\.log:.*manifest"):
        await Stack(folder).__aenter__()
    here = psutil.Process().children(recursive=True)
    assert not [child for child in here if str(folder) in " ".join(child.cmdline())]


async def test_a_database_of_another_major_version_is_refused(folder: Path) -> None:
    made = folder / "postgres"
    made.mkdir(parents=True)
    (made / "PG_VERSION").write_text("9\n")
    with pytest.raises(StackError, match="made by Postgres 9"):
        await Stack(folder).__aenter__()


async def test_no_password_shows_in_a_command_line_a_readable_file_or_a_repr(stack: Stack) -> None:
    secrets = [
        stack.spaces_secret,
        stack.database_url.split(":")[2].split("@")[0],
        stack.redis_url.split(":")[2].split("@")[0],
    ]
    shown = [" ".join(process.cmdline()) for process in tree(stack)] + [repr(vars(stack))]
    shown.extend(path.read_text() for path in readable_files(stack.folder))
    assert not [text for text in shown for secret in secrets if secret in text]


async def test_a_refused_row_does_not_reach_the_log(stack: Stack, database_url: str) -> None:
    conn = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.NotNullViolationError):
            await conn.execute(
                "INSERT INTO feedbacks (user_id, team_id, data) VALUES (1, NULL, $1)",
                '{"said": "in confidence"}',
            )
    finally:
        await conn.close()
    assert "in confidence" not in stack.postgres.log_path.read_text()


def test_the_account_that_postgres_runs_under_exists() -> None:
    shown = subprocess.run(["id", "-u", UNPRIVILEGED_NAME], capture_output=True, check=True)
    user = unprivileged_account()
    assert user is None or user.uid == int(shown.stdout)


async def test_an_interrupted_start_leaves_no_process(folder: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(folder), "--steps"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await child.stdout.readline()
    child.send_signal(signal.SIGINT)
    await asyncio.wait_for(child.communicate(), END_S)
    left = [
        process.pid
        for process in psutil.process_iter()
        if str(folder) in " ".join(_command_of(process))
    ]
    assert left == []


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
