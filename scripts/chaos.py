"""Runs processes under callers that keep books, breaks one thing after the other, and compares.

A store that was broken is left 8 s to heal before a process or another store is: the promise is the
death of any one process or store, not of two at once.
"""

import argparse
import secrets
import sys
import time
from pathlib import Path

import structlog
import uvloop
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults import chaos, rolling
from tests.faults.books import Books
from tests.faults.caller import Habits

# A log that is no terminal must not cut the table.
LOG_COLUMNS = 140
FAULTS_SHOWN_MAX = 20
console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_COLUMNS)


def main() -> int:
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    began_s = time.monotonic()
    plan = chaos.Plan(
        seed=options.seed,
        seconds=options.minutes * 60,
        sessions=options.sessions,
        servers=options.serves,
        workers=options.workers,
        keep=options.keep,
        variables={"VOICEHUB_RECORDING_FORMAT": options.format},
        habits=rolling.LOYAL if options.restart else Habits(),
        faults=rolling.drains(options.serves) if options.restart else None,
        direct=options.restart,
    )
    console.print(f"seed {plan.seed}: scripts/chaos --seed {plan.seed} repeats the faults")

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began_s:6.1f}[/]  {line}", soft_wrap=True)

    books = uvloop.run(chaos.run(plan, say))
    _show(books)
    return 0 if books.hold else 1


def _show(books: Books) -> None:
    table = Table("", "expected", "found", "", title="The books")
    for entry in books.entries:
        verdict = "" if not entry.expected else "[green]✓[/]" if entry.holds else "[red]✗[/]"
        table.add_row(entry.what, entry.expected, entry.found, verdict)
    console.print(table)
    for what, lines in books.faults.items():
        console.print(f"[bold]{what}[/]: {len(lines)}")
        for line in lines[:FAULTS_SHOWN_MAX]:
            console.print(f"  {line}", markup=False, soft_wrap=True)
        if len(lines) > FAULTS_SHOWN_MAX:
            console.print("  ...")
    console.print("All is as promised." if books.hold else "[red]A promise is broken.[/]")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--restart", action="store_true", help="a rolling restart, and nothing else"
    )
    parser.add_argument("--sessions", type=int, default=40, help="conversations at a time")
    parser.add_argument("--serves", type=int, default=3, help="serve processes")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--format", choices=("flac", "wav"), default="flac", help="of recordings")
    parser.add_argument("--keep", type=Path, help="a new folder for stores and logs, which stays")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
