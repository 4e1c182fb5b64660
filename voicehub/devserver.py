"""`voicehub dev`: the embedded stack and the server in one process, with something to try."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from rich.console import Console

from voicehub.app import postgres_of, rules_of, stores_of
from voicehub.auth.passwords import hash_password
from voicehub.devstack.server import StackError
from voicehub.devstack.stack import Stack
from voicehub.jobs.table import jobs_of
from voicehub.jobs.worker import run_jobs
from voicehub.server import serve
from voicehub.serving.leaving import ignore_signals
from voicehub.settings import Settings
from voicehub.storage import seed, users
from voicehub.storage.migrations import migrate
from voicehub.storage.postgres import Connection
from voicehub.storage.seed import Seeded
from voicehub.tasks import spawn

# The stores' own settings: all of them, or none and the embedded stack.
STORE_VARIABLES = ("DATABASE_URL", "REDIS_URL", "SPACES_ENDPOINT", "SPACES_KEY", "SPACES_SECRET")
_SIGN_IN = "sign-in.json"
_JWT_KEY = "jwt-key"
PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class Options:
    folder: Path
    host: str
    port: int
    reset_passwords: bool


class Steps:
    """Shows what start-up does and how long each step took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = self._last = time.perf_counter()

    def show(self, name: str, seconds: float | None = None) -> None:
        """`name` is done; it took `seconds`, or the time since the last step."""
        now = time.perf_counter()
        taken = now - self._last if seconds is None else seconds
        self._last = now
        self._console.print(f"  {name:<28} {taken:6.2f} s")

    @property
    def total_s(self) -> float:
        return time.perf_counter() - self._began


async def run_dev(options: Options, console: Console) -> None:
    """Run until SIGTERM or SIGINT. Raises StackError when a server does not start."""
    steps = Steps(console)
    options.folder.mkdir(parents=True, exist_ok=True)
    async with _stores(options.folder, steps, console) as environment:
        settings = _dev_settings(options, environment)
        await migrate(settings.database_url.get_secret_value())
        steps.show("schema")
        sign_in = await _seeded(settings, options)
        steps.show("accounts")

        def ready(url: str) -> None:
            steps.show("server and speech models")
            console.print(f"\nVoiceHub is ready on {url} after {steps.total_s:.1f} s.")
            for role, (email, password) in sign_in.items():
                console.print(f"  {role}: {email}  password: {password}")
            console.print(
                f"In the browser: {console_link(url, *sign_in['user'])}",
                soft_wrap=True,
                markup=False,
            )
            console.print(
                f"Talk to it: voicehub talk --url {url} --say 'Hello, who are you?'"
                f" --password {sign_in['user'][1]}",
                soft_wrap=True,
            )

        await _serve_and_work(settings, ready)


def console_link(url: str, email: str, password: str) -> str:
    """The console, with somebody signed in: behind the `#`, which no browser sends."""
    proof = urlencode({"email": email, "password": password}, quote_via=quote)
    return f"{url}/#/sign-in?{proof}"


async def _serve_and_work(settings: Settings, ready: Callable[[str], None]) -> None:
    stopped = asyncio.Event()
    async with stores_of(settings) as stores:
        jobs = jobs_of(stores, rules_of(settings))
        worker = spawn(run_jobs(stopped, jobs, redis=stores.redis), name="worker")
        try:
            await serve(settings, ready)
        finally:
            # What comes now must not keep the stack from being put away.
            ignore_signals()
            stopped.set()
            await worker


@asynccontextmanager
async def _stores(folder: Path, steps: Steps, console: Console) -> AsyncIterator[dict[str, str]]:
    """The environment of the embedded stack, or of the stores that the variables name."""
    given = [name for name in STORE_VARIABLES if os.environ.get(name)]
    if given:
        missing = sorted(set(STORE_VARIABLES) - set(given))
        if missing:
            raise StackError(f"{', '.join(given)} are set, but not {', '.join(missing)}.")
        yield {}
        return
    async with Stack(folder, on_step=steps.show) as stack:
        for note in stack.notes:
            console.print(f"  {note}")
        yield stack.environment()


def _dev_settings(options: Options, environment: dict[str, str]) -> Settings:
    known = {
        "HOST": options.host,
        "PORT": str(options.port),
        "VOICEHUB_SPOOL": str(options.folder / "spool"),
        "VOICEHUB_JWT_KEYS": f"dev:{_kept_key(options.folder / _JWT_KEY)}",
        "VOICEHUB_ADMIN_EMAILS": seed.ADMIN_EMAIL,
        **environment,
    }
    # The environment's own settings stand above these, but for the address that was asked for.
    chosen = {name: value for name, value in known.items() if name not in os.environ}
    return Settings(**{**chosen, "HOST": options.host, "PORT": options.port})  # type: ignore[arg-type]  # pydantic parses the text


def _kept_key(path: Path) -> str:
    if not path.exists():
        _write_secret(path, secrets.token_hex(32))
    return path.read_text("ascii").strip()


def _write_secret(path: Path, content: str) -> None:
    """For the owner's eyes alone from the first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


async def _seeded(settings: Settings, options: Options) -> dict[str, tuple[str, str]]:
    """Who can sign in, with the passwords: kept in the folder, since the database has hashes."""
    path = options.folder / _SIGN_IN
    async with postgres_of(settings) as postgres, postgres.transaction() as conn:
        seeded = await seed.seed(conn, hash_password=hash_password)
        if not seeded.is_new and not options.reset_passwords and path.exists():
            return _kept_sign_in(path)
        sign_in = {
            "user": (
                seeded.user_email,
                seeded.user_password or await _renewed(conn, seeded, seeded.user_email),
            ),
            "admin": (
                seeded.admin_email,
                seeded.admin_password or await _renewed(conn, seeded, seeded.admin_email),
            ),
        }
    _write_secret(path, json.dumps(sign_in))
    return sign_in


def _kept_sign_in(path: Path) -> dict[str, tuple[str, str]]:
    kept: dict[str, tuple[str, str]] = json.loads(path.read_text("utf-8"))
    return kept


async def _renewed(conn: Connection, seeded: Seeded, email: str) -> str:
    """A new password of a seeded user whose old one nobody knows."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    (user,) = await users.by_email(conn, email, seed.TEAM_NAME)
    await users.set_password_hash(
        conn, seeded.team_id, user.id, user.password_hash, hash_password(password)
    )
    return password
