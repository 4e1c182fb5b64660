"""What a benchmark prints: one table, the bounds that it must keep, one last line of ratios."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bound:
    """Something promised: what was measured, in words, and whether it holds."""

    promise: str
    holds: bool


@dataclass(slots=True)
class Report:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    """How it was measured, below the table."""
    bounds: Sequence[Bound] = ()
    ratios: str = ""
    """The last line."""

    @property
    def holds(self) -> bool:
        return all(bound.holds for bound in self.bounds)

    def show(self, console: Console) -> None:
        table = Table(*self.columns, box=None, padding=(0, 2, 0, 0))
        for number, column in enumerate(table.columns):
            column.header_style = "dim"
            column.justify = "right" if number else "left"
            column.no_wrap = True
        for row in self.rows:
            table.add_row(*row)
        console.print(f"\n[bold]{self.title}[/]\n")
        console.print(table)
        for note in self.notes:
            console.print(f"[dim]{note}[/]", soft_wrap=True)
        for bound in self.bounds:
            mark = "[green]✓[/]" if bound.holds else "[red]✗[/]"
            console.print(f"{mark} {bound.promise}", soft_wrap=True)
        console.print(self.ratios, soft_wrap=True)
