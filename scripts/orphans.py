"""Creates rows that refer to others while others delete what they refer to, by REST."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import structlog
import uvloop
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults.orphans import Outcome, storm
from voicehub.devstack import Stack

SECONDS = 60.0
# A log that is no terminal must not cut the table.
LOG_COLUMNS = 140
console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_COLUMNS)


def main() -> int:
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    console.print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="voicehub-orphans-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # Postgres runs under an account of its own where we are root
        outcome = uvloop.run(_run(folder, options.seconds, options.seed))
    _show(outcome)
    return 0 if outcome.holds else 1


async def _run(folder: Path, seconds: float, seed: int) -> Outcome:
    async with Stack(folder) as stack:
        environment = {**stack.environment(), "VOICEHUB_SPOOL": str(folder / "spool")}
        return await storm(environment, seconds, seed)


def _show(outcome: Outcome) -> None:
    table = Table("request", "answer", "times", box=None, padding=(0, 2, 0, 0))
    for (what, status), count in sorted(outcome.answers.items()):
        table.add_row(what, str(status), f"{count:,}")
    console.print(table)
    for fault in outcome.report.faults:
        console.print(f"[red]✗[/] {fault.count} {fault.rule.what}: {fault.ids}", soft_wrap=True)
    errors = sum(outcome.server_errors.values())
    console.print(
        f"{sum(outcome.answers.values()):,} requests, {len(outcome.report.faults)} faults between "
        f"rows, {errors} errors of the server, {outcome.deadlocks} deadlocks"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/orphans", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
