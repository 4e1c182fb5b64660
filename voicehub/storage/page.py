"""A page of a list: rows between two ids, in one of two orders, and whether more follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows a page asks for: those after one id and before another, as the reader counts.

    Cursors are ids and not offsets, which drift while rows are added.
    """

    limit: int
    descending: bool = True
    after: int | None = None
    before: int | None = None

    @property
    def lowest(self) -> int:
        """Rows have a higher id than this."""
        bound = self.before if self.descending else self.after
        return -1 if bound is None else bound

    @property
    def highest(self) -> int:
        """Rows have a lower id than this."""
        bound = self.after if self.descending else self.before
        return BIGINT_MAX if bound is None else bound

    @property
    def backwards(self) -> bool:
        """With `before` alone the rows next to it are meant: they are read from that end."""
        return self.before is not None and self.after is None

    @property
    def query(self) -> str:
        """The name of the query that reads from the right end."""
        return "page_descending" if self._reads_down else "page_ascending"

    @property
    def query_of_all(self) -> str:
        """The same for the query that looks at the rows of all teams."""
        return "all_descending" if self._reads_down else "all_ascending"

    @property
    def rows_max(self) -> int:
        """One more than the page shows tells whether more follow."""
        return self.limit + 1

    @property
    def _reads_down(self) -> bool:
        return self.descending != self.backwards


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    has_more: bool

    @classmethod
    def cut(cls, window: Window, rows: Sequence[Row]) -> "Page[Row]":
        """A page of the rows that `window.query` gave for `window.rows_max`."""
        shown = rows[: window.limit]
        return cls(shown[::-1] if window.backwards else shown, len(rows) > window.limit)
