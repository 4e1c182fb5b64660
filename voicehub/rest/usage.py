"""`/v1/usage`: what a team's sessions used, by day, agent or user; for admins over all teams."""

import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from voicehub.errors import Fault, UnprocessableError
from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import body
from voicehub.rest.fields import Quantity, Shown
from voicehub.rest.operation import operation
from voicehub.rest.subscriptions import Tokens, live_tokens
from voicehub.storage import subscriptions, usage_days
from voicehub.storage.usage_days import Group, Grouping, GroupingOfAll

DAYS_MAX = 366  # a longer time is refused
DAYS_DEFAULT = 30
GROUPS_MAX = 1000  # a report shows those that used most, and says that there are more

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _written_as_day(value: Any) -> Any:
    """Whatever came: pydantic would take a number for a moment in Unix time."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise PydanticCustomError("date_parsing", "A day is written as YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_written_as_day)]

_AMOUNTS: dict[str, Any] = {
    "audio_tokens": 52_310.5,
    "text_tokens": 1_204,
    "minutes": 87.25,
    "sessions": 31,
}
_RANGE: dict[str, Any] = {  # any JSON
    "object": "usage",
    "first_day": "2026-11-01",
    "last_day": "2026-11-23",
}


class _RangeQuery(body.Query):
    first_day: Day | None = Field(None, alias="from")
    """The first day, in UTC."""
    last_day: Day | None = Field(None, alias="to")
    """The last day, which is included; by default today."""


class UsageQuery(_RangeQuery):
    """Without `from`: since the current period began, or the last 30 days."""

    group_by: Grouping = Grouping.DAY


class AllUsageQuery(_RangeQuery):
    """Without `from`: the last 30 days."""

    group_by: GroupingOfAll = GroupingOfAll.DAY


class Used(Shown):
    audio_tokens: Quantity
    text_tokens: Quantity
    minutes: Quantity
    """Of a session in progress they come with its next pause, or its end."""
    sessions: int
    """That were opened."""


class UsageGroup(Used):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"day": "2026-11-23", "agent_id": None, "user_id": None, **_AMOUNTS}]
        }
    )

    day: date | None
    """Of one grouping only its own key is set."""
    agent_id: int | None
    user_id: int | None


class UsageGroupOfAll(Used):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"day": None, "team_id": 7, **_AMOUNTS}]}
    )

    day: date | None
    team_id: int | None


class _UsageOfDays(Shown):
    object: Literal["usage"] = "usage"
    first_day: date
    last_day: date
    totals: Used
    """What is settled. All of a session counts on the day, in UTC, on which it started; that the
    session is deleted changes nothing.
    """
    has_more: bool
    """Whether there are more groups than are shown; the totals have them all."""


class Usage(_UsageOfDays):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RANGE,
                    "totals": _AMOUNTS,
                    "has_more": False,
                    "group_by": "day",
                    "unsettled": {"audio_tokens": 310, "text_tokens": 12},
                    "groups": [
                        {"day": "2026-11-23", "agent_id": None, "user_id": None, **_AMOUNTS}
                    ],
                }
            ]
        }
    )

    group_by: Grouping
    unsettled: Tokens | None
    """What sessions used, on whichever day they started, and the totals do not have yet; null
    while nobody can tell.
    """
    groups: list[UsageGroup]


class UsageOfAll(_UsageOfDays):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RANGE,
                    "totals": _AMOUNTS,
                    "has_more": False,
                    "group_by": "team",
                    "groups": [{"day": None, "team_id": 7, **_AMOUNTS}],
                }
            ]
        }
    )

    group_by: GroupingOfAll
    groups: list[UsageGroupOfAll]


@operation("Show what the team used", answers=Usage, errors=(UnprocessableError,))
async def show(request: web.Request, asked: UsageQuery) -> Usage:
    team_id = request[PRINCIPAL].team_id
    live = await live_tokens(request, team_id)
    async with request.app[POSTGRES].connection() as conn:
        current = await subscriptions.current(conn, team_id)
        first, last = _days(asked, current.current_period_start if current else None)
        found = await usage_days.report(conn, team_id, first, last, asked.group_by, GROUPS_MAX)
    keys = {Grouping.DAY: "day", Grouping.AGENT: "agent_id", Grouping.USER: "user_id"}
    groups = [_members(each, keys.values(), keys[asked.group_by]) for each in found.groups]
    return Usage(
        first_day=first,
        last_day=last,
        group_by=asked.group_by,
        totals=Used.model_validate(found.totals),
        unsettled=Tokens.model_validate(live) if live else None,
        groups=[UsageGroup(**each) for each in groups],
        has_more=found.has_more,
    )


@operation("Show what all teams used", answers=UsageOfAll, errors=(UnprocessableError,))
async def show_all(request: web.Request, asked: AllUsageQuery) -> UsageOfAll:
    first, last = _days(asked, None)
    async with request.app[POSTGRES].connection() as conn:
        found = await usage_days.report_of_all(conn, first, last, asked.group_by, GROUPS_MAX)
    keys = {GroupingOfAll.DAY: "day", GroupingOfAll.TEAM: "team_id"}
    groups = [_members(each, keys.values(), keys[asked.group_by]) for each in found.groups]
    return UsageOfAll(
        first_day=first,
        last_day=last,
        group_by=asked.group_by,
        totals=Used.model_validate(found.totals),
        groups=[UsageGroupOfAll(**each) for each in groups],
        has_more=found.has_more,
    )


def _days(asked: _RangeQuery, period_start: datetime | None) -> tuple[date, date]:
    """The first and the last day of the report."""
    last = asked.last_day or datetime.now(UTC).date()
    if asked.first_day is not None:
        first = asked.first_day
    elif asked.last_day is None and period_start is not None:
        first = max(
            min(period_start.astimezone(UTC).date(), last), _days_before(last, DAYS_MAX - 1)
        )
    else:
        first = _days_before(last, DAYS_DEFAULT - 1)
    if not 0 <= (last - first).days < DAYS_MAX:
        message = f"From the first day to the last there are 1 to {DAYS_MAX} days."
        code = UnprocessableError.code
        faults = [Fault(name, code, message, in_query=True) for name in ("from", "to")]
        raise UnprocessableError(message, param="from", faults=faults)
    return first, last


def _days_before(day: date, count: int) -> date:
    """As far as days go back."""
    return max(date.min + timedelta(count), day) - timedelta(count)


def _members(group: Group, keys: Iterable[str], key: str) -> dict[str, Any]:
    """Each key, of which one is set, and the amounts."""
    amounts = asdict(group)
    return {**dict.fromkeys(keys), key: amounts.pop("key"), **amounts}
