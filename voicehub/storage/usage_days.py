"""The table `usage_days`: what sessions used, by day, agent and user. A trigger writes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from voicehub.storage.postgres import Connection
from voicehub.storage.queries import load

_SQL = load("usage_days")


class Grouping(StrEnum):
    DAY = "day"
    AGENT = "agent"
    USER = "user"


class GroupingOfAll(StrEnum):
    DAY = "day"
    TEAM = "team"


_BY = {Grouping.DAY: "by_day", Grouping.AGENT: "by_agent", Grouping.USER: "by_user"}
_BY_OF_ALL = {GroupingOfAll.DAY: "by_day_of_all", GroupingOfAll.TEAM: "by_team_of_all"}


@dataclass(frozen=True, slots=True)
class Amounts:
    """What is settled, of sessions that started within the days."""

    audio_tokens: Decimal
    text_tokens: Decimal
    minutes: Decimal
    sessions: int


@dataclass(frozen=True, slots=True)
class Group(Amounts):
    key: date | int
    """The day, or the id of what it is grouped by."""


@dataclass(frozen=True, slots=True)
class Report:
    totals: Amounts
    groups: Sequence[Group]
    has_more: bool
    """Whether there are more groups, whose share is in the totals alone."""


async def report(
    conn: Connection, team_id: int, first: date, last: date, by: Grouping, groups_max: int
) -> Report:
    """What a team used on the days from `first` to `last`."""
    return await _report(conn, "totals", _BY[by], groups_max, team_id, first, last)


async def report_of_all(
    conn: Connection, first: date, last: date, by: GroupingOfAll, groups_max: int
) -> Report:
    """What all teams used on these days."""
    return await _report(conn, "totals_of_all", _BY_OF_ALL[by], groups_max, first, last)


async def _report(
    conn: Connection, totals: str, groups: str, groups_max: int, *arguments: int | date
) -> Report:
    # One view for both, so that the groups add up to the totals.
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        record = await conn.fetchrow(_SQL[totals], *arguments)
        records = await conn.fetch(_SQL[groups], *arguments, groups_max + 1)
    assert record is not None, "sums without groups give a row"
    found = [Group(**each) for each in records]
    return Report(Amounts(**record), found[:groups_max], len(found) > groups_max)
