"""`/v1/audit`: what platform admins did to a team, for the team to see; for admins all of it."""

from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Identifier, Listed, Shown
from voicehub.rest.operation import operation
from voicehub.storage import audit


class AuditEntry(Shown):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "object": "audit_entry",
                    "id": 301,
                    "team_id": 7,
                    "actor": "user:1",
                    "actor_email": "root@voice.example",
                    "method": "DELETE",
                    "route": "/v1/teams/{team_id}/users/{user_id}",
                    "target": {"team_id": "7", "user_id": "12"},
                    "status": 204,
                    "request_id": "2f1c9e6a",
                    "created_at": "2026-11-23T09:00:00Z",
                }
            ]
        }
    )

    object: Literal["audit_entry"] = "audit_entry"
    id: int
    team_id: int | None
    """Null where it was done to the platform."""
    actor: str
    """`user:12`, or `service:NAME`."""
    actor_email: str
    method: str
    route: str
    target: dict[str, str]
    """The ids that stood in the path."""
    status: int | None
    """Of the answer; null where nobody knows how it ended."""
    request_id: str
    created_at: datetime


class AllAuditQuery(ListQuery):
    team_id: Identifier | None = None
    actor: Annotated[str, Field(max_length=255)] | None = None


@operation("List what admins did to the team", answers=Listed[AuditEntry])
async def list_page(request: web.Request, asked: ListQuery) -> Listed[AuditEntry]:
    async with request.app[POSTGRES].connection() as conn:
        found = await audit.list_page(conn, request[PRINCIPAL].team_id, asked.window)
    return answer.listed(found, AuditEntry, AuditEntry.model_validate)


@operation("List what admins did to any team and to the platform", answers=Listed[AuditEntry])
async def list_all(request: web.Request, asked: AllAuditQuery) -> Listed[AuditEntry]:
    async with request.app[POSTGRES].connection() as conn:
        found = await audit.list_all(conn, asked.window, team_id=asked.team_id, actor=asked.actor)
    return answer.listed(found, AuditEntry, AuditEntry.model_validate)
