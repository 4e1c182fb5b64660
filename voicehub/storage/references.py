"""Rows that refer to one that shall go: there is no foreign key to refuse it.

Whoever deletes locks the row `FOR UPDATE` first and counts then, in a statement of its own: a write
that refers to the row holds it `FOR KEY SHARE`, so it is either counted or finds the row gone.
"""

import asyncpg

from voicehub.errors import ConflictError

# Who deletes by mistake learns enough from a thousand; queries that count stop one past it.
COUNT_MAX = 1000


def refuse_while_referred(what: str, counts: asyncpg.Record | None, advice: str = "") -> None:
    """Raise ConflictError where one of the counts, by the name of the things, is not zero."""
    assert counts is not None, "count(*) gives a row"
    left = [f"{name}: {_shown(count)}" for name, count in counts.items() if count]
    if left:
        message = f"{what} is still referred to ({', '.join(left)})."
        raise ConflictError(f"{message} {advice}".rstrip(), code="still_referenced")


def _shown(count: int) -> str:
    return f"more than {COUNT_MAX}" if count > COUNT_MAX else str(count)
