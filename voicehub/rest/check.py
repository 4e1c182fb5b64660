"""`GET /v1/admin/check`: what `voicehub check` finds, for the pages of the admins."""

from typing import Literal

from aiohttp import web
from pydantic import ConfigDict

from voicehub.keys import POSTGRES, REDIS
from voicehub.rest.fields import Shown
from voicehub.rest.operation import operation
from voicehub.storage import check

# What is not looked at by then is left out, and the answer says so; the command looks at all.
WITHIN_S = 20.0


class FaultShown(Shown):
    name: str
    table: str
    what: str
    """What these rows are, in words."""
    mend: str
    """What to do; `IDS` stands for the rows' ids."""
    count: int
    ids: list[int]
    """The first of them."""


class CheckReport(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "check_report",
                    "is_complete": True,
                    "faults": [
                        {
                            "name": "users_team_id",
                            "table": "users",
                            "what": "users whose team is gone",
                            "mend": "Insert the team again with that id, or delete these rows.",
                            "count": 1,
                            "ids": [12],
                        }
                    ],
                }
            ]
        }
    )

    object: Literal["check_report"] = "check_report"
    is_complete: bool
    """False where there was no time to look at every row: `voicehub check` does."""
    faults: list[FaultShown]


@operation("Find what is broken between rows", answers=CheckReport)
async def show(request: web.Request) -> CheckReport:
    app = request.app
    report = await check.find_faults(app[POSTGRES], app[REDIS], within_s=WITHIN_S)
    return as_shown(report)


def as_shown(report: check.Report) -> CheckReport:
    """The report as the API and `voicehub check --json` show it."""
    faults = [
        FaultShown(
            name=fault.rule.name,
            table=fault.rule.table,
            what=fault.rule.what,
            mend=fault.rule.mend,
            count=fault.count,
            ids=fault.ids,
        )
        for fault in report.faults
    ]
    return CheckReport(is_complete=report.is_complete, faults=faults)
