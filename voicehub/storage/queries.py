"""Finds and reads `sql/`, in a checkout and in an installed wheel."""

import re
from functools import cache
from pathlib import Path

# `-- name: what`, then a line saying what it does, then the statement.
_NAME = re.compile(r"^-- name: (\w+)[ \t]*\n-- (?P<description>\S.*)\n", re.MULTILINE)
_ANY_NAME = re.compile(r"^--\s*name\s*:", re.MULTILINE)


def sql_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


@cache
def load(topic: str) -> dict[str, str]:
    """The queries of `sql/queries/<topic>.sql` by name."""
    return parse((sql_folder() / "queries" / f"{topic}.sql").read_text(encoding="utf-8"), topic)


def parse(text: str, topic: str) -> dict[str, str]:
    """Split a file of named queries; one without description or statement is a ValueError."""
    found = list(_NAME.finditer(text))
    if len(found) != len(_ANY_NAME.findall(text)):
        raise ValueError(f"sql/queries/{topic}.sql: each name needs a description on the next line")
    queries: dict[str, str] = {}
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=True):
        name, statement = match.group(1), text[match.end() : end].strip().removesuffix(";")
        if name in queries or not statement:
            raise ValueError(f"sql/queries/{topic}.sql: {name} is empty or there twice")
        queries[name] = statement
    return queries
