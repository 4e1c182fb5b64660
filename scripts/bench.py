"""Runs one benchmark; each is a module of `benches` and starts the stores that it needs."""

import argparse
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop
from benches import frames, latency, memory, recording, relay, rest, transcript
from benches.report import Report
from rich.console import Console

from voicehub.errors import VoiceHubError

Bench = Callable[[argparse.Namespace], Coroutine[Any, Any, Report]]
MODULES = (frames, relay, recording, transcript, memory, latency, rest)
BENCHES: dict[str, Bench] = {
    module.__name__.removeprefix("benches."): module.run for module in MODULES
}

# A log that is no terminal must not cut the numbers.
LOG_COLUMNS = 170
console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_COLUMNS)


def main() -> int:
    options = _options()
    # The table is the output; what goes wrong still shows.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        report = uvloop.run(BENCHES[options.bench](options))
    except (VoiceHubError, OSError, ExceptionGroup) as error:
        console.print(f"[red]✗[/] {'; '.join(_reasons(error))}", soft_wrap=True)
        for note in getattr(error, "__notes__", ()):  # the end of the server's log
            console.print(note, markup=False, soft_wrap=True)
        return 1
    report.show(console)
    return 0 if report.holds else 1


def _reasons(error: BaseException) -> list[str]:
    """One sentence for each failure; a fault of our own is a traceback."""
    if isinstance(error, ExceptionGroup):
        return [reason for each in error.exceptions for reason in _reasons(each)]
    if not isinstance(error, VoiceHubError | OSError):
        raise error
    return [str(error) or type(error).__name__]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(dest="bench", required=True, metavar="BENCH")
    for module in MODULES:
        name = module.__name__.removeprefix("benches.")
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        command.add_argument("--quick", action="store_true", help="a short run, for CI")
        module.add_options(command)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
