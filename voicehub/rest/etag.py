"""Which state of a row somebody has read: `ETag`, `If-Match` and `If-None-Match` (RFC 9110)."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from aiohttp import ETag, web

from voicehub.errors import PreconditionFailedError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kept(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


def of(row: Kept) -> str:
    """The state's tag. The database writes `updated_at` with each change, whoever makes it."""
    # In whole numbers: a float of the seconds gives two neighbouring microseconds one tag.
    return f"{row.id}-{(row.updated_at - _EPOCH) // timedelta(microseconds=1)}"


def require_match(request: web.Request, row: Kept) -> None:
    """Raise PreconditionFailedError where `If-Match` names another state than the row's.

    `row` must be locked, so that it stays as it is until it is written.
    """
    wanted = request.if_match
    if wanted is not None and not _matches(wanted, of(row)):
        raise PreconditionFailedError("The resource was changed since you read it.")


def is_known(request: web.Request, tag: str) -> bool:
    """Whether the client has this state already: 304 is then the whole answer."""
    known = request.if_none_match
    return known is not None and _matches(known, tag)


def _matches(named: tuple[ETag, ...], tag: str) -> bool:
    return any(each.value in {"*", tag} for each in named)
