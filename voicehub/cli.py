"""The command line: one function a command; what it does stands in the module it names."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console

from voicehub import __version__, logs, server
from voicehub.app import (
    engines_of,
    metrics_place,
    postgres_of,
    rules_of,
    spaces_of,
    stores_of,
    tokens_of,
)
from voicehub.devserver import Options, run_dev
from voicehub.doctor.doctor import examine
from voicehub.doctor.finding import Finding, State, is_well
from voicehub.errors import VoiceHubError
from voicehub.jobs import table
from voicehub.jobs.sweep import sweep_once
from voicehub.jobs.table import Rules, Stores
from voicehub.jobs.worker import work
from voicehub.rest.check import as_shown
from voicehub.serving.leaving import ignore_signals
from voicehub.settings import Settings
from voicehub.storage import users
from voicehub.storage.check import RULES, Report, find_faults
from voicehub.storage.migrations import migrate as migrate_database
from voicehub.talk import talk
from voicehub.telemetry.exposition import exposed
from voicehub.telemetry.telemetry import Telemetry
from voicehub.telemetry.tracing import open_tracing

T = TypeVar("T")
_MARKS = {
    State.OK: "[green]ok[/]     ",
    State.WARNING: "[yellow]warning[/]",
    State.FAILED: "[red]failed[/] ",
}

console = Console(highlight=False)
app = typer.Typer(
    help="VoiceHub: a server for live AI voice sessions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(talk)


def main() -> None:
    """Run the command; what the user can mend is one line on standard error and exit code 1."""
    try:
        app()
    except VoiceHubError as error:
        sys.exit(f"voicehub: {error.message}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of PORT.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Server processes on that port; VOICEHUB_WORKERS.")
    ] = None,
    drain_deadline: Annotated[
        float | None, typer.Option(help="Seconds; instead of VOICEHUB_DRAIN_DEADLINE_S.")
    ] = None,
    *,
    reuse_port: Annotated[
        bool | None,
        typer.Option("--reuse-port", help="Other servers may listen on that port as well."),
    ] = None,
) -> None:
    """Serve the API and the sessions, until SIGTERM or SIGINT; a second one waits for no turn."""
    settings = _settings(
        host=host,
        port=port,
        workers=workers,
        drain_deadline_s=drain_deadline,
        reuse_port=reuse_port,
    )

    def ready(url: str) -> None:
        console.print(f"VoiceHub {__version__} listens on {url}")

    ignore_signals()
    serve_ = server.serve if settings.workers == 1 else server.supervise
    if _run(serve_(settings, ready)):
        sys.exit("voicehub: not all could be written in time; the worker does the rest.")


@app.command(hidden=True)
def serve_child(
    line: Annotated[int, typer.Option(help="Number of the supervisor's socket.")],
    socket: Annotated[list[int], typer.Option(help="Number of a socket to listen on.")],
) -> None:
    """Serve as a process of `serve --workers`, which starts this."""
    ignore_signals()
    sys.exit(bool(_run(server.serve_for_supervisor(_settings(), line, socket))))


@app.command()
def worker() -> None:
    """Run the jobs, each on its beat, until SIGTERM or SIGINT."""
    _run(_work(_settings()))


@app.command()
def migrate() -> None:
    """Bring the database up to this version's schema."""
    applied = _run(migrate_database(_settings().database_url.get_secret_value()))
    for name in applied:
        console.print(f"applied {name}")
    console.print("The database is up to date.")


@app.command()
def dev(
    folder: Annotated[
        Path, typer.Option(help="Where Postgres, Redis and the recordings lie.")
    ] = Path(".voicehub"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    *,
    reset_passwords: Annotated[
        bool, typer.Option("--reset-passwords", help="Give the demo users new passwords.")
    ] = False,
) -> None:
    """Start Postgres, Redis, an S3 server and VoiceHub on this machine, with something to try."""
    logs.configure("console")
    _run(run_dev(Options(folder, host, port, reset_passwords), console))


@app.command()
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Try all that a server needs; exit code 1 where something failed."""
    findings = _run(_examine(_settings(log_format="json")))
    if as_json:
        typer.echo(orjson.dumps([finding.as_json() for finding in findings]))
    else:
        for finding in findings:
            console.print(_MARKS[finding.state], end=" ")
            advice = f". {finding.advice}" if finding.advice else ""
            line = f"{finding.subject}: {finding.what.rstrip('.')}{advice}"
            console.print(line, markup=False, soft_wrap=True)
    sys.exit(not is_well(findings))


@app.command()
def token(
    email: Annotated[str | None, typer.Argument(help="Whose token.")] = None,
    team: Annotated[str | None, typer.Option(help="The team's name, where it takes one.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Instead of a user: a program that administers.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Life of a service's token.")] = 90,
) -> None:
    """Print an access token of a user, or a service token, which administers the platform."""
    if (email is None) == (service is None):
        raise typer.BadParameter("name a user by the address, or a --service.")
    settings = _settings()
    if service is not None:
        typer.echo(tokens_of(settings).issue_service(service, days=days))
    elif email is not None:
        typer.echo(_run(_issue(settings, email, team)))


@app.command()
def flush_usage() -> None:
    """Settle what live sessions have used so far."""
    console.print(f"settled {_once('settle')} sessions")


@app.command()
def sweep() -> None:
    """End the sessions whose server died; looking takes some ten seconds."""

    def run(stores: Stores, rules: Rules) -> Coroutine[Any, Any, int]:
        return sweep_once(stores.postgres, stores.redis, keep_context=rules.keep_context)

    console.print(f"ended {_run(_jobs(_settings(), run))} lost sessions")


@app.command()
def close_recordings() -> None:
    """Make the recordings that their owners could not finish."""
    console.print(f"closed {_once(table.ALL_RECORDINGS)} recordings")


@app.command()
def turn_periods() -> None:
    """Turn the billing periods that have ended."""
    console.print(f"turned {_once('turn periods')} billing periods")


@app.command()
def abort_uploads() -> None:
    """Abort multipart uploads older than a day that belong to no session."""
    console.print(f"aborted {_once('abort uploads')} uploads")


@app.command()
def apply_retention() -> None:
    """Remove audio and transcripts older than the settings keep them."""
    console.print(f"removed {_once('apply retention')} recordings and transcripts")


@app.command()
def check(
    *,
    json: Annotated[bool, typer.Option("--json", help="As the API shows it.")] = False,
) -> None:
    """Find what is broken between rows, and say how to mend it. Exit code 1 where something is."""

    def run(stores: Stores, _rules: Rules) -> Coroutine[Any, Any, Report]:
        return find_faults(stores.postgres, stores.redis)

    report = _run(_jobs(_settings(), run))
    if json:
        typer.echo(as_shown(report).model_dump_json(indent=2))
    else:
        _print_faults(report)
    if report.faults or not report.is_complete:
        sys.exit(1)


def _print_faults(report: Report) -> None:
    for fault in report.faults:
        more = " ..." if fault.count > len(fault.ids) else ""
        typer.echo(f"{fault.count} {fault.rule.what}: {', '.join(map(str, fault.ids))}{more}")
        typer.echo(f"    {fault.rule.mend}")
    if not report.is_complete:
        typer.echo("Redis did not tell which sessions are held.")
    elif not report.faults:
        typer.echo(f"Nothing is broken: {len(RULES) + 1} rules hold.")


def _once(name: str) -> int:
    """Run one job of the worker's table."""

    async def run(stores: Stores, rules: Rules) -> int:
        (job,) = (each for each in table.jobs_of(stores, rules) if each.name == name)
        return await job.run()

    return _run(_jobs(_settings(), run))


async def _examine(settings: Settings) -> list[Finding]:
    async with engines_of(settings) as engines:
        return await examine(settings, spaces_of(settings), engines)


async def _work(settings: Settings) -> None:
    telemetry = Telemetry(open_tracing())
    place = metrics_place(settings, settings.worker_metrics_port)
    async with exposed(telemetry, place), stores_of(settings, telemetry) as stores:
        jobs = table.jobs_of(stores, rules_of(settings), telemetry)
        await work(jobs, telemetry, stores.redis)


async def _jobs(settings: Settings, run: Callable[[Stores, Rules], Coroutine[Any, Any, T]]) -> T:
    async with stores_of(settings) as stores:
        return await run(stores, rules_of(settings))


async def _issue(settings: Settings, email: str, team: str | None) -> str:
    async with postgres_of(settings) as postgres, postgres.connection() as conn:
        found = await users.by_email(conn, email, team)
    if len(found) != 1:
        sys.exit(f"voicehub: {len(found)} users have that email; name the team with --team.")
    return tokens_of(settings).issue_access(found[0])[0]


def _settings(**given: Any) -> Settings:
    """The settings, from the environment; `given` options stand above them."""
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        # The names and the faults, never the values: they may be secrets.
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        sys.exit(
            "voicehub: the settings are not complete:\n  "
            + "\n  ".join(faults)
            + "\n`voicehub dev` needs none of them."
        )
    logs.configure(settings.log_format)
    return settings


def _run(main_: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(main_)
