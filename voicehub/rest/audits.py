"""`GET /v1/audit`: what platform admins did to a team, for the team to see."""

from datetime import datetime
from typing import Literal

from aiohttp import web

from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Listed, Shown
from voicehub.rest.operation import operation
from voicehub.storage import audit


class AuditEntry(Shown):
    object: Literal["audit_entry"] = "audit_entry"
    id: int
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


@operation("List what admins did to the team", answers=Listed[AuditEntry])
async def list_page(request: web.Request, asked: ListQuery) -> Listed[AuditEntry]:
    async with request.app[POSTGRES].connection() as conn:
        found = await audit.list_page(conn, request[PRINCIPAL].team_id, asked.window)
    return answer.listed(found, AuditEntry, AuditEntry.model_validate)
