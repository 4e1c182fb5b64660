"""`GET /v1/agents`: the agents that a team may talk to, without their prompts."""

from datetime import datetime
from typing import Literal

from aiohttp import web

from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer
from voicehub.rest.cursor import ListQuery
from voicehub.rest.fields import Listed, Shown
from voicehub.rest.operation import operation
from voicehub.storage import agents


class AgentShown(Shown):
    object: Literal["agent"] = "agent"
    id: int
    name: str
    description: str | None
    is_built_in: bool
    created_at: datetime
    updated_at: datetime


@operation("List agents", answers=Listed[AgentShown])
async def list_page(request: web.Request, asked: ListQuery) -> Listed[AgentShown]:
    async with request.app[POSTGRES].connection() as conn:
        found = await agents.list_page(conn, request[PRINCIPAL].team_id, asked.window)
    return answer.listed(found, AgentShown, AgentShown.model_validate)
