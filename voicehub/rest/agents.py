"""`GET /v1/agents`: the agents that a team may talk to, without their prompts."""

from aiohttp import web

from voicehub.keys import POSTGRES, PRINCIPAL
from voicehub.rest import answer, body
from voicehub.rest.cursor import ListQuery
from voicehub.storage import agents
from voicehub.storage.agents import Agent


async def list_page(request: web.Request) -> web.Response:
    asked = body.query(request, ListQuery)
    async with request.app[POSTGRES].connection() as conn:
        found = await agents.list_page(conn, request[PRINCIPAL].team_id, asked.window)
    return answer.page(found, _show)


def _show(agent: Agent) -> answer.Json:
    return {
        "object": "agent",
        "id": agent.id,
        "name": agent.name,
        "description": agent.description,
        "is_built_in": agent.is_built_in,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
    }
